"""One image's folder of the bundle out of its recipe: the Dockerfile and all that it takes in."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from builder import __version__
from builder.render.inputs import SHARED, Inputs
from builder.render.layers import ENGINE, Layer
from builder.render.templates import environment

IMAGE_LABEL = "gfxpack.image"
INPUTS_LABEL = "gfxpack.inputs"
_UNHASHED = "0" * 64
_PACKAGES = {
    "vllm": ("runner", "pruner", "checks"),
    "embeddings": ("runner", "pruner"),
    "proxy": ("proxy", "pruner"),
    "llamacpp": ("runner",),
    "models": (),
}
"""The packages of this repository that each image is built with; one without any shares no files either."""


@dataclass(frozen=True)
class RenderedImage:
    name: str
    tag: str
    """What it is called in the engine; empty for the models, which become a volume."""
    labels: Mapping[str, str]
    files: Mapping[str, bytes]
    by_default: bool = True
    """Whether a build of everything makes it; another one is made where it is named."""

    @property
    def inputs(self) -> str:
        return self.labels[INPUTS_LABEL]


@dataclass(frozen=True)
class Recipe:
    image: str
    tag: str
    layers: tuple[Layer, ...]
    labels: Mapping[str, str]
    variables: Mapping[str, object]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What of the build context is made here, from data."""
    by_default: bool = True


def labels_of(image: str, title: str, version: str, target: str | None) -> dict[str, str]:
    labels = {
        "org.opencontainers.image.title": f"gfxpack {image}",
        "org.opencontainers.image.description": title,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        IMAGE_LABEL: image,
    }
    return labels | ({"gfxpack.target": target} if target else {})


def render_recipe(recipe: Recipe, inputs: Inputs) -> RenderedImage:
    """Render twice: the hash is taken of the folder as it is without one, then written into it."""
    files = _context(recipe, inputs)
    digest = _digest({**files, "Dockerfile": _dockerfile(recipe, inputs, _UNHASHED)})
    files["Dockerfile"] = _dockerfile(recipe, inputs, digest)
    labels = {**recipe.labels, INPUTS_LABEL: digest}
    return RenderedImage(recipe.image, recipe.tag, labels, dict(sorted(files.items())), recipe.by_default)


def _context(recipe: Recipe, inputs: Inputs) -> dict[str, bytes]:
    files = {layer.requirements: layer.text.encode() for layer in recipe.layers}
    files |= recipe.files
    files |= inputs.image_files[SHARED] if _PACKAGES[recipe.image] else {}
    files |= inputs.image_files[recipe.image]
    files |= {f"wheels/{layer.name}/.keep": b"" for layer in recipe.layers}
    for package in _PACKAGES[recipe.image]:
        files |= {f"{package}/{path}": content for path, content in inputs.packages[package].items()}
    return files


def _dockerfile(recipe: Recipe, inputs: Inputs, digest: str) -> bytes:
    slims = {**inputs.image_files[SHARED], **inputs.image_files[recipe.image]}
    template = environment(inputs.templates).get_template(f"{recipe.image}/Dockerfile.j2")
    labels = {**recipe.labels, INPUTS_LABEL: digest}
    text = template.render(
        **recipe.variables,
        layers=recipe.layers,
        tables=[
            layer.slim for layer in _engine_last(recipe.layers) if layer.slim in slims and not layer.built
        ],
        labels=labels,
        header=_header(recipe.image, digest),
    )
    return text.encode()


def _engine_last(layers: Iterable[Layer]) -> list[Layer]:
    """In the order of their policies: an extra's may shield what the engine's would take away."""
    return sorted(layers, key=lambda layer: layer.name == ENGINE)


def _header(image: str, digest: str) -> str:
    return (
        f"# gfxpack {__version__}, image {image}, by `build.py render`; edit images/{image}/ instead.\n"
        f"# inputs sha256:{digest}"
    )


def _digest(files: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(f"{path}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()
