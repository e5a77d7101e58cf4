"""llama.cpp's image of a target: packages of a distribution, what backend it has, and code for the chip."""

from collections.abc import Mapping

from builder.debian import upstream_version
from builder.errors import ConfigError
from builder.render.inputs import Inputs
from builder.render.recipe import Recipe, RenderedImage, labels_of, render_recipe
from builder.targets.llamacpp import LlamacppImage, LlamacppSpec
from builder.targets.model import Catalog
from builder.targets.naming import REPOSITORY, base_tag

IMAGE = "llamacpp"
PACKAGES_LABEL = "gfxpack.packages"
_ABSENT = """\
Package: gfxpack-absent
Version: 1
Architecture: all
Maintainer: gfxpack <gfxpack@localhost>
Provides: {names}
Description: stands in for packages that others ask for and nothing here needs
"""


def render_llamacpp(catalog: Catalog, target: str, inputs: Inputs) -> RenderedImage | None:
    """None for a target that has no such image."""
    spec, image = catalog.llamacpp, catalog.llamacpp_image(target)
    if spec is None or image is None:
        return None
    pins = inputs.packages_locks[spec.lock]
    base = catalog.bases[image.base]
    named = {layer: _pinned(spec, names, pins) for layer, names in image.layers.items()}
    version = upstream_version(pins[spec.server[0]])
    variables = {
        "image": image,
        "packages": named,
        "arguments": _words(image),
        "base": base_tag(base),
        "suite": base.suite,
        "python": base.python,
    }
    labels = {
        **labels_of(IMAGE, image.title, version, target),
        "org.opencontainers.image.base.name": base_tag(base),
        PACKAGES_LABEL: " ".join(sorted(name for names in named.values() for name in names)),
    }
    tag = f"{REPOSITORY}/{IMAGE}:{version}-{target}"
    recipe = Recipe(IMAGE, tag, (), labels, variables, _files(image, inputs), by_default=False)
    return render_recipe(recipe, inputs)


def _pinned(spec: LlamacppSpec, names: list[str], pins: Mapping[str, str]) -> list[str]:
    absent = [name for name in names if name not in pins]
    if absent:
        raise ConfigError(
            f"locks/{spec.lock}.txt does not hold {', '.join(absent)}",
            hint=f"run `python build.py lock --only {spec.lock}`",
        )
    return [f"{name}={pins[name]}" for name in names]


def _words(image: LlamacppImage) -> list[str]:
    """Its flags as llama.cpp reads them: a value is a word of its own, and what is false is not said."""
    given = {"host": "0.0.0.0", "port": image.port, **image.args}  # noqa: S104 - of the container alone
    said = {name: value for name, value in given.items() if value is not False}
    words = ((f"--{name}",) if value is True else (f"--{name}", str(value)) for name, value in said.items())
    return [word for pair in words for word in pair]


def _files(image: LlamacppImage, inputs: Inputs) -> dict[str, bytes]:
    """What dpkg is told: paths that it does not unpack, and a package in place of those left out; and the
    pruner, where there is code for other chips."""
    pruner = inputs.packages["pruner"] if image.device else {}
    rules = "".join(f"# {reason}\npath-exclude={path}\n" for path, reason in image.exclude.items())
    return {
        **{f"pruner/{path}": content for path, content in pruner.items()},
        "dpkg.cfg": rules.encode(),
        "absent/DEBIAN/control": _ABSENT.format(names=", ".join(image.without)).encode(),
    }
