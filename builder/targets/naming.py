"""What images, bases and volumes are called."""

import hashlib
import json
import re
from collections.abc import Mapping

from builder.errors import UsageError
from builder.targets.images import BaseSpec, EngineSpec, ImageSpec
from builder.targets.model import Catalog, Target

REPOSITORY = "gfxpack"
MODELS_VOLUME = "gfxpack-models"
"""Every stack reads the same models, and none writes to them."""
DEFAULT_STACK = "gfxpack"
STACK_VARIABLE = "GFXPACK_STACK"
"""Names a stack of one's own, so that several can run beside each other."""


def base_key(spec: BaseSpec) -> str:
    """What makes two bases the same: suite, packages and options; not the day they were made."""
    facts = json.dumps(spec.model_dump(mode="json", exclude={"image"}), sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def base_tag(spec: BaseSpec) -> str:
    return f"{REPOSITORY}/base:{spec.suite}-{base_key(spec)}"


def stack_name(environ: Mapping[str, str]) -> str:
    name = environ.get(STACK_VARIABLE) or DEFAULT_STACK
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise UsageError(
            f"{STACK_VARIABLE}={name!r} cannot name a stack", hint="take small letters, digits, - and _"
        )
    return name


def hub_volume(stack: str) -> str:
    """Where a stack's engine keeps what it fetched from a hub."""
    return f"{stack}-hub"


def library_volume(stack: str) -> str:
    """Where a stack's proxy keeps the models that its clients pulled, made or copied."""
    return f"{stack}-library"


def cache_volume(stack: str) -> str:
    """Where a stack's engines keep what they compiled at run time."""
    return f"{stack}-cache"


def image_tag(image: str, spec: ImageSpec, target: str | None) -> str:
    """`target` is None for an image that every target shares."""
    extras = spec.added if isinstance(spec, EngineSpec) else ()
    variant = "".join(f"-{part}" for part in (target, *extras) if part)
    return f"{REPOSITORY}/{image}:{_tag(spec.version)}{variant}"


def _tag(version: str) -> str:
    """A tag takes no plus sign, which parts a local version."""
    return version.replace("+", "_")


def image_tags(catalog: Catalog, name: str, target: Target) -> dict[str, str]:
    """The tags that the stack of a target runs, by image."""
    tags = {"vllm": image_tag("vllm", target.engine, name)}
    tags.update((image, image_tag(image, spec, None)) for image, spec in catalog.images.items())
    return tags
