"""What a service's last words mean for the person who wanted it up."""

import re
from collections.abc import Sequence

from builder.errors import StackError

_EVIDENCE_LINES = 6
_EXCEPTION = re.compile(r"(\(\w+ pid=\d+\))?[\w\s:.\[\]-]*?\b[\w.]*(Error|Exception|Interrupt)(: |$)")
_HINTS: Sequence[tuple[str, str]] = (
    (
        r"Repository Not Found|is not a valid model identifier|RepositoryNotFoundError|404 Client Error",
        "the hub has no such model, or only for those it knows: check the name, or set HF_TOKEN",
    ),
    (
        r"GatedRepoError|40[13] Client Error|401 Unauthorized|403 Forbidden",
        "the hub asks who you are: set HF_TOKEN",
    ),
    (
        r"LocalEntryNotFoundError|ConnectError|ConnectionError|Name or service not known|failure in name res",
        "the hub cannot be reached from here; without --model the stack serves a model of its own",
    ),
    (r"CERTIFICATE_VERIFY_FAILED", "a proxy's certificate is not trusted: set `cert` in pip's configuration"),
    (
        r"larger than the available KV cache memory|No available memory for the cache blocks",
        "the model's context does not fit into the cache memory; take a smaller model",
    ),
    (
        r"no kernel image is available|invalid device function|kernel image is invalid"
        r"|hipErrorNoBinaryForGpu|hipErrorInvalidImage",
        "the GPU is another chip than the image has code for: `build.py targets` shows which is for which",
    ),
    (
        r"No (HIP|CUDA) GPUs are available|no (ROCm|CUDA)-capable device|Failed to infer device type",
        "the container sees no GPU: `.env` in the bundle names it and the groups that may use it",
    ),
    (
        r"less than desired GPU memory utilization",
        "something else holds the GPU's memory: stop it, then start again",
    ),
    (
        r"Selected backend .* is not valid for this configuration",
        "the target's attention backend cannot serve this model: `build.py targets --json` has known gaps",
    ),
    (r"MemoryError|Cannot allocate memory|exit code 137", "it ran out of memory; take a smaller model"),
    (r"No space left on device", "free disk space, for example with `docker builder prune`"),
)


def lost(service: str, reason: str, last_lines: Sequence[str]) -> StackError:
    """The error of a service that will not come up, with the hint that fits what it said."""
    said = "\n".join([*last_lines, reason])
    fitting = next((hint for pattern, hint in _HINTS if re.search(pattern, said)), None)
    hint = fitting or f"its whole log: `docker compose logs {service}`"
    return StackError(f"{service} {reason}", hint=hint, evidence=_telling(last_lines))


def _telling(lines: Sequence[str]) -> Sequence[str]:
    """The last exception's own words; without one, the last lines."""
    raised = [number for number, line in enumerate(lines) if _EXCEPTION.match(line)]
    return lines[raised[-1] :][:_EVIDENCE_LINES] if raised else lines[-_EVIDENCE_LINES:]
