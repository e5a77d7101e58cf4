"""One lock cut into an image's layers, ordered for sharing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.errors import ConfigError
from builder.requirements import Requirement, emit, normalise
from builder.targets.model import EngineSpec, Extra, ImageSpec

REST = "packages"
ENGINE = "engine"
DEVICE = "device"

Locks = Mapping[str, Sequence[Requirement]]


@dataclass(frozen=True)
class Layer:
    """Distributions that are installed together, and become one layer."""

    name: str
    members: tuple[Requirement, ...]
    index: str | None = None
    """The upstream index that all of them come from; None for the indexes of whoever builds."""
    sdists: tuple[str, ...] = ()
    """Members that the index may hold as source."""

    @property
    def requirements(self) -> str:
        """Its requirement file in the build context."""
        return f"requirements/{self.name}.txt"

    @property
    def text(self) -> str:
        return emit(self.members)

    @property
    def hashed(self) -> bool:
        return all(requirement.hashes for requirement in self.members)

    @property
    def wheels(self) -> str:
        """Those that pip must take as wheels, as its option `--only-binary` has them."""
        if not self.sdists:
            return ":all:"
        return ",".join(member.name for member in self.members if member.name not in self.sdists)

    @property
    def slim(self) -> str:
        """Where its policy of dead weight lies in the build context, if it has one."""
        return f"slim/{self.name}.txt"


def cut(spec: ImageSpec, locks: Locks, indexes: Mapping[str, str]) -> tuple[Layer, ...]:
    """Layers of an image: what is shared first, then the rest and the extras, the engine itself, and what
    only one chip has."""
    lock = locks[spec.lock]
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
    members: dict[str, Sequence[Requirement]] = {
        layer: [r for r in lock if claimed.get(r.name, REST) == layer] for layer in order
    }
    extras = {name: locks[extra.lock] for name, extra in _extras(spec).items()}
    position = order.index(REST) + 1
    ordered = {layer: members[layer] for layer in order[:position]} | extras
    ordered |= {layer: members[layer] for layer in order[position:]}
    if isinstance(spec, EngineSpec) and spec.device:
        ordered[DEVICE] = locks[spec.device.lock]
    return tuple(_layer(name, held, spec, indexes) for name, held in ordered.items() if held)


def _extras(spec: ImageSpec) -> dict[str, Extra]:
    return {name: spec.extras[name] for name in spec.includes} if isinstance(spec, EngineSpec) else {}


def _layer(name: str, members: Sequence[Requirement], spec: ImageSpec, indexes: Mapping[str, str]) -> Layer:
    homes = {normalise(each): index for index, names in spec.upstream.items() for each in names}
    found = {homes.get(requirement.name) for requirement in members}
    if len(found) > 1:
        named = ", ".join(sorted(filter(None, found)))
        raise ConfigError(
            f"layer {name} mixes distributions of index {named} with others",
            hint="give those of an upstream index a layer of their own, under `layers` in targets.yaml",
        )
    index = found.pop()
    unhashed = [requirement.name for requirement in members if not requirement.hashes]
    if unhashed and index is None:
        raise ConfigError(
            f"locks/{spec.lock}.txt has no hash for {', '.join(unhashed)}",
            hint="only what comes from one upstream index may go without; run `python build.py lock`",
        )
    sdists = {normalise(each) for each in spec.sdists} & {requirement.name for requirement in members}
    return Layer(name, tuple(sorted(members)), indexes[index] if index else None, tuple(sorted(sdists)))
