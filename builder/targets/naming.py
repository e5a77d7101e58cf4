"""What images, bases and volumes are called."""

import hashlib
import json

from builder.targets.model import BaseSpec, Catalog, ImageSpec, Target

REPOSITORY = "gfxpack"
MODELS_VOLUME = "gfxpack-models"
HUB_VOLUME = "gfxpack-hub"


def base_key(spec: BaseSpec) -> str:
    """What makes two bases the same: suite, packages and options; not the day they were made."""
    facts = json.dumps(spec.model_dump(mode="json", exclude={"image"}), sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def base_tag(spec: BaseSpec) -> str:
    return f"{REPOSITORY}/base:{spec.suite}-{base_key(spec)}"


def image_tag(image: str, spec: ImageSpec, target: str | None) -> str:
    """`target` is None for an image that every target shares."""
    variant = f"-{target}" if target else ""
    return f"{REPOSITORY}/{image}:{spec.version}{variant}"


def image_tags(catalog: Catalog, name: str, target: Target) -> dict[str, str]:
    """The tags that the stack of a target runs, by image."""
    tags = {"vllm": image_tag("vllm", target.engine, name)}
    tags.update((image, image_tag(image, spec, None)) for image, spec in catalog.images.items())
    return tags
