"""Everything that a rehearsal needs before its image is rendered: stand-ins, and what pins them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.console import Console
from builder.engine import Engine
from builder.paths import CACHE
from builder.rehearsal import index, real, standins
from builder.rehearsal.compiled import Compilers
from builder.rehearsal.contents import read_listings
from builder.rehearsal.standins import Change, StandIns
from builder.rehearsal.transform import BASE, locks_of, transform
from builder.render import Inputs
from builder.render.image import build_tools
from builder.render.layers import Layer, cut, tools
from builder.requirements import Requirement
from builder.sources import Sources
from builder.targets.model import Catalog

_ROOM = CACHE / "rehearsal"
_REAL = "real"


@dataclass(frozen=True)
class Rehearsal:
    """A catalog and inputs to render from, and the wheels that they pin."""

    target: str
    catalog: Catalog
    inputs: Inputs
    wheels: Mapping[Requirement, Path]
    """Every pin of the inputs' locks that the build installs."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that is installed from wheels."""
        engine = self.catalog.targets[self.target].engine
        sources = (self.inputs.locks, self.catalog.indexes)
        return tuple(layer for layer in (*cut(engine, *sources), *tools(engine, *sources)) if not layer.built)

    def lay_out(self, folder: Path) -> None:
        """Write the build context `wheels`: an index for a layer that comes from one, else wheels alone."""
        shutil.rmtree(folder, ignore_errors=True)
        for layer in self.layers:
            home = folder / layer.name
            home.mkdir(parents=True)
            members = [(pin, self.wheels[pin]) for pin in layer.members]
            if layer.index:
                index.lay_out(home, members)
            else:
                index.place(home, (wheel for _, wheel in members))
        own = folder / "tools"
        own.mkdir()
        index.place(own, (self.wheels[pin] for pin in build_tools(self.inputs, self.layers)))


def prepare(
    engine: Engine,
    catalog: Catalog,
    target: str,
    inputs: Inputs,
    *,
    sources: Sources,
    console: Console,
    changes: Mapping[str, Change] | None = None,
) -> Rehearsal:
    """`changes` make other stand-ins of distributions, by name."""
    python = catalog.bases[BASE].python
    pins = [pin for lock in locks_of(catalog.targets[target].engine) for pin in inputs.locks[lock]]
    kept = _as_themselves(pins)
    room = _ROOM / "wheels" / target
    made = standins.make(
        (pin for pin in pins if pin not in kept),
        python=python,
        compilers=Compilers(engine, catalog.bases[BASE], sources, console),
        folder=room / "stand-ins",
        changes=changes,
    )
    fetched = room / _REAL
    fetched.mkdir(parents=True, exist_ok=True)
    taken = [*kept, *build_tools(inputs, ())]
    real.fetch(taken, python, fetched, console)

    def instead(pin: Requirement) -> Requirement:
        return pin if pin in kept else made.instead_of(pin)

    play = transform(catalog, inputs, target, instead)
    return Rehearsal(target, play.catalog, play.inputs, _wheels(made, taken, fetched))


def _as_themselves(pins: list[Requirement]) -> list[Requirement]:
    listings = read_listings()
    return [pin for pin in pins if pin.name in listings and listings[pin.name].tag == _REAL]


def _wheels(made: StandIns, taken: list[Requirement], fetched: Path) -> dict[Requirement, Path]:
    return {**made.wheels, **{pin: real.wheel_of(pin, fetched) for pin in taken}}
