"""What an image says of itself when it is started once, without network, with its own interpreter."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.engine import Engine, ImageFacts
from builder.errors import EngineError, UsageError, VerifyError

_PROBE = Path(__file__).with_name("probe.py")
PYTHON = "/opt/venv/bin/python"
_TIMEOUT_SECONDS = 180
_MODULES = {
    "vllm": ("vllm", "runner"),
    "llamacpp": ("runner",),
    "embeddings": ("infinity_emb", "runner"),
    "proxy": ("proxy",),
}
"""What each image must be able to import."""


@dataclass(frozen=True)
class ProbeFacts:
    uid: int
    python: str
    tools: list[str]
    """Compilers and package managers that are on PATH."""
    distributions: dict[str, str]
    packages: dict[str, str]
    """Versions of the distribution's packages."""
    groups: dict[str, int]
    """Bytes of files by distribution or system folder."""
    privileged: list[str]
    caches: list[str]
    imports: Mapping[str, str | None]
    """By module: what went wrong, or None."""


def named_image(engine: Engine, name: str) -> ImageFacts:
    """The image that a person named; UsageError where there is none."""
    facts = engine.image(name)
    if facts is None:
        raise UsageError(f"there is no image {name!r}", hint="list them with `docker images`")
    return facts


def probe(engine: Engine, tag: str, image: str) -> ProbeFacts:
    """Start the image once; `image` is its name among ours, which says what to import."""
    user = str(engine.sdk.images.get(tag).attrs["Config"].get("User") or "0:0")
    argv = [PYTHON, "-I", "-c", _PROBE.read_text(encoding="utf-8"), user, *_MODULES.get(image, ())]
    hint = f"change the image under images/{image}/ or its entry in targets.yaml, then build again"
    try:
        result = engine.run(tag, argv, user="0:0", timeout=_TIMEOUT_SECONDS)
    except EngineError as error:
        raise VerifyError(f"{tag} did not run its own interpreter: {error.message}", hint=hint) from None
    try:
        facts = json.loads(result.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise VerifyError(
            f"{tag} did not run its own interpreter (exit code {result.status})",
            hint=hint,
            evidence=(result.stderr or result.stdout).strip().splitlines()[-10:],
        ) from None
    return ProbeFacts(**facts)
