"""What an image says of itself when it is started once, without network, with its own interpreter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.engine import Engine
from builder.errors import VerifyError

_PROBE = Path(__file__).with_name("probe.py")
_PYTHON = "/opt/venv/bin/python"
_TIMEOUT_SECONDS = 180
_MODULES = {"vllm": ("vllm", "runner"), "embeddings": ("infinity_emb", "runner"), "proxy": ("proxy",)}
"""What each image must be able to import."""


@dataclass(frozen=True)
class ProbeFacts:
    uid: int
    python: str
    tools: list[str]
    """Compilers and package managers that are on PATH."""
    distributions: dict[str, str]
    groups: dict[str, int]
    """Bytes of files by distribution or system folder."""
    privileged: list[str]
    caches: list[str]
    imports: Mapping[str, str | None]
    """By module: what went wrong, or None."""


def probe(engine: Engine, tag: str, image: str) -> ProbeFacts:
    """Start the image once; `image` is its name among ours, which says what to import."""
    user = str(engine.sdk.images.get(tag).attrs["Config"].get("User") or "0:0")
    argv = [_PYTHON, "-I", "-c", _PROBE.read_text(encoding="utf-8"), user, *_MODULES.get(image, ())]
    result = engine.run(tag, argv, user="0:0", timeout=_TIMEOUT_SECONDS)
    try:
        facts = json.loads(result.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        evidence = (result.stderr or result.stdout).strip().splitlines()[-10:]
        raise VerifyError(
            f"{tag} did not run its own interpreter (exit code {result.status})",
            hint="look into it with `docker run --rm -it --entrypoint /bin/sh`",
            evidence=evidence,
        ) from None
    return ProbeFacts(**facts)
