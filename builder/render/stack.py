"""compose.yaml of a target: the proxy in front, the engines behind it on a network without a way out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder import __version__
from builder.render.image import RenderedImage
from builder.render.inputs import Inputs
from builder.render.templates import environment
from builder.targets.model import Catalog, Target
from builder.targets.naming import DEFAULT_STACK, MODELS_VOLUME, hub_volume


@dataclass(frozen=True)
class HubModel:
    """A model that the engine fetches itself, and what it needs to reach its hub from here."""

    name: str
    environment: Path | None = None
    """A file of settings for the engine: they may hold passwords, so they are not in the bundle."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files of this machine that the engine reads, by the name they get below /run/secrets."""


@dataclass(frozen=True)
class StackOptions:
    """What a person may choose about a stack."""

    name: str = DEFAULT_STACK
    port: int = 11434
    model: HubModel | None = None
    """None serves the model that came out of a package registry."""


def render_compose(
    catalog: Catalog, target: Target, images: Sequence[RenderedImage], inputs: Inputs, options: StackOptions
) -> bytes:
    template = environment(inputs.templates).get_template("compose/compose.yaml.j2")
    variables = {
        "target": target,
        "shared": catalog.images,
        "models": catalog.models,
        "tags": {image.name: image.tag for image in images},
        "volume": MODELS_VOLUME,
        "hub_volume": hub_volume(options.name),
        "name": options.name,
        "port": options.port,
        "hub": options.model,
    }
    body = template.render(**variables)
    digest = hashlib.sha256(body.encode()).hexdigest()
    header = (
        f"# gfxpack {__version__}, stack, by `build.py render`; edit compose/compose.yaml.j2 instead.\n"
        f"# content sha256:{digest}\n"
    )
    return (header + body).encode()
