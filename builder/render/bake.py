"""docker-bake.json: the same images for people who build with `docker buildx bake`."""

import json
from collections.abc import Sequence

from builder import __version__
from builder.render.recipe import RenderedImage


def render_bake(images: Sequence[RenderedImage]) -> bytes:
    tagged = [image for image in images if image.tag]
    inputs = ", ".join(f"{image.name} sha256:{image.inputs}" for image in tagged)
    document = {
        "//": f"gfxpack {__version__}, by `build.py render`, from inputs {inputs}",
        "group": {"default": {"targets": [image.name for image in tagged if image.by_default]}},
        "target": {image.name: _target(image) for image in tagged},
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _target(image: RenderedImage) -> dict[str, object]:
    return {
        "description": image.labels["org.opencontainers.image.description"],
        "context": image.name,
        "tags": [image.tag],
    }
