"""`--target cuda`: the target of this machine's own GPU, as NVIDIA's driver tells it."""

import re
import shutil
import subprocess

from builder.errors import UsageError
from builder.targets.model import Catalog

_TOOL = "nvidia-smi"
_SECONDS = 30.0
_CAPABILITY = re.compile(r"(\d+)\.(\d)")


def own_target(catalog: Catalog) -> str:
    """The name of the target; UsageError with the list where the GPU is none, several, or not known here."""
    targets = [name for name, target in catalog.targets.items() if target.vendor == "nvidia"]
    hint = f"name one with --target: {', '.join(targets)}"
    found = _architectures(hint)
    if len(found) > 1:
        raise UsageError(f"this machine has GPUs of several kinds: {', '.join(found)}", hint=hint)
    matching = [name for name in targets if set(catalog.targets[name].archs) & set(found)]
    if not matching:
        why = f": {catalog.unserved[found[0]]}" if found[0] in catalog.unserved else ""
        raise UsageError(f"there is no target for this machine's GPU, {found[0]}{why}", hint=hint)
    return matching[0]


def _architectures(hint: str) -> list[str]:
    tool = shutil.which(_TOOL)
    if tool is None:
        raise UsageError(f"cuda means this machine's GPU, and there is no {_TOOL} to ask about it", hint=hint)
    argv = [tool, "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{_TOOL} does not answer: {error}", hint=hint) from None
    capabilities = [_CAPABILITY.fullmatch(line.strip()) for line in done.stdout.splitlines()]
    known = {f"sm_{found[1]}{found[2]}" for found in capabilities if found}
    if done.returncode or not known:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise UsageError(f"{_TOOL} names no GPU: {said[0]}", hint=hint)
    return sorted(known)
