"""One lock cut into an image's layers, ordered for sharing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from builder.errors import ConfigError
from builder.requirements import Requirement, emit, normalise
from builder.targets.images import EngineSpec, Extra, ImageSpec

REST = "packages"
ENGINE = "engine"
DEVICE = "device"
_COMPILED = "vllm"

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
    built: bool = False
    """Whether its one distribution is compiled in the image's build."""

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
        """Where its policy of dead weight lies in the build context, if it has one. What is compiled for one
        chip has none: the policy says what upstream's wheel, which is for all, holds in vain."""
        return f"slim/{self.name}.txt"


def cut(spec: ImageSpec, locks: Locks, indexes: Mapping[str, str]) -> tuple[Layer, ...]:
    """Layers of an image: what most images share first, then the rest, the engine itself, the extras, and
    what only one chip has."""
    engine = spec if isinstance(spec, EngineSpec) else None
    members = _members(spec, locks[spec.lock], compiled=bool(engine and engine.compiled))
    shared = [layer for layer in spec.layers if layer != ENGINE]
    layers = [_layer(name, members[name], spec, indexes) for name in (*shared, REST) if members[name]]
    if engine and engine.compiled:
        layers.append(Layer(ENGINE, (Requirement(_COMPILED, engine.compiled.version),), built=True))
    elif members.get(ENGINE):
        layers.append(_layer(ENGINE, members[ENGINE], spec, indexes))
    for name, extra in _extras(spec).items():
        there = {pin.name for layer in layers for pin in layer.members}
        pins = [pin for pin in locks[extra.lock] if pin.name not in there]
        layers += _layer_of_each_place(name, name, pins, spec, indexes)
    if engine and engine.devices:
        pins = [pin for part in engine.devices for pin in locks[part.lock]]
        layers.append(_layer(DEVICE, pins, spec, indexes))
    return tuple(layers)


def _members(
    spec: ImageSpec, lock: Sequence[Requirement], *, compiled: bool
) -> dict[str, Sequence[Requirement]]:
    """What the lock has for each layer; what is compiled here is in it only for those who fetch it."""
    claimed = {normalise(name): layer for layer, names in spec.layers.items() for name in names}
    held = [pin for pin in lock if not (compiled and pin.name == _COMPILED)]
    absent = set(claimed) - {pin.name for pin in held} - ({_COMPILED} if compiled else set())
    if absent:
        names = ", ".join(sorted(absent))
        raise ConfigError(
            f"locks/{spec.lock}.txt does not hold {names}, though targets.yaml gives it a layer of its own",
            hint="run `python build.py lock`, or correct `layers` in targets.yaml",
        )
    return {
        layer: [pin for pin in held if claimed.get(pin.name, REST) == layer] for layer in (*spec.layers, REST)
    }


def tools(spec: EngineSpec, locks: Locks, indexes: Mapping[str, str]) -> tuple[Layer, ...]:
    """What vLLM is compiled with, a layer for each place that it comes from; no image holds it."""
    if spec.compiled is None or spec.compiled.lock is None:
        return ()
    pins = locks[spec.compiled.lock]
    return tuple(_layer_of_each_place("build", "build-tools", pins, spec, indexes))


def _layer_of_each_place(
    stem: str, general: str, pins: Sequence[Requirement], spec: ImageSpec, indexes: Mapping[str, str]
) -> Iterator[Layer]:
    """A layer for every upstream index, and one that is called `general` for what comes from none."""
    homes = _homes(spec)
    places: dict[str, list[Requirement]] = {}
    for pin in pins:
        home = homes.get(pin.name)
        places.setdefault(f"{stem}-{home}" if home else general, []).append(pin)
    for name, held in sorted(places.items()):
        yield _layer(name, held, spec, indexes)


def _extras(spec: ImageSpec) -> dict[str, Extra]:
    return {name: spec.extras[name] for name in spec.includes} if isinstance(spec, EngineSpec) else {}


def _homes(spec: ImageSpec) -> dict[str, str]:
    """The upstream index of each distribution that comes from one."""
    return {normalise(each): index for index, names in spec.upstream.items() for each in names}


def _layer(name: str, members: Sequence[Requirement], spec: ImageSpec, indexes: Mapping[str, str]) -> Layer:
    homes = _homes(spec)
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
