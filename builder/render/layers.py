"""One lock cut into the requirement files of an image's layers, ordered for sharing."""

from collections.abc import Sequence

from builder.errors import ConfigError
from builder.requirements import Requirement, emit, normalise
from builder.targets.model import ImageSpec

REST = "packages"
ENGINE = "engine"


def cut(spec: ImageSpec, lock: Sequence[Requirement]) -> dict[str, str]:
    """Requirement files by layer: what is shared first, then the rest, the engine itself last."""
    claimed = {normalise(name): layer for layer, names in spec.layers.items() for name in names}
    absent = set(claimed) - {requirement.name for requirement in lock}
    if absent:
        names = ", ".join(sorted(absent))
        raise ConfigError(
            f"locks/{spec.lock}.txt does not hold {names}, though targets.yaml gives it a layer of its own",
            hint="run `python build.py lock`, or correct `layers` in targets.yaml",
        )
    shared = [layer for layer in spec.layers if layer != ENGINE]
    order = [*shared, REST, *([ENGINE] if ENGINE in spec.layers else [])]
    members = {layer: [r for r in lock if claimed.get(r.name, REST) == layer] for layer in order}
    return {layer: emit(requirements) for layer, requirements in members.items() if requirements}
