"""A section of device code: which units it holds, in order, and what is in it that nothing judges."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pruner.archs import Wanted
from pruner.errors import Malformed
from pruner.formats import formats_for
from pruner.formats.base import Format, Role, Unit
from pruner.view import View

_MOST_UNITS_AND_ENTRIES = 1 << 16
_MOST_FALSE_STARTS = 4096


@dataclass(frozen=True)
class Held:
    """A unit, and the form that it is in."""

    form: Format
    unit: Unit


@dataclass(frozen=True)
class Container:
    units: tuple[Held, ...]
    buried: bool
    """The units lie between other data: none may move."""
    complete: bool
    """Units and zeros are all that there is; otherwise nothing in it may move."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """What nothing here judges, by what it calls itself -> bytes."""


@dataclass
class _Walk:
    """How far reading got: up to `end`, or to where it could not go on."""

    units: list[Held] = field(default_factory=list)
    size: int = 0
    """Units and their entries."""
    stopped: int | None = None

    def add(self, form: Format, unit: Unit) -> None:
        self.units.append(Held(form, unit))
        self.size += 1 + len(unit.entries)
        if self.size > _MOST_UNITS_AND_ENTRIES:
            raise Malformed(f"more than {_MOST_UNITS_AND_ENTRIES} units and entries up to {unit.offset:#x}")


def read_container(view: View, section: str, start: int, end: int, wanted: Wanted) -> Container:
    """What the bytes [start, end) of a section of this name hold. Raises `Malformed` where a unit lies."""
    forms = formats_for(section, wanted)
    buried = any(form.buried for form in forms)
    walk = _search(view, forms, start, end) if buried else _follow(view, forms, start, end)
    unknown = Counter[str]()
    for held in walk.units:
        for entry in held.unit.entries:
            if entry.role is Role.OTHER:
                unknown[entry.label] += entry.size
    if walk.stopped is not None:
        unknown[section] += end - walk.stopped
    return Container(tuple(walk.units), buried, walk.stopped is None, dict(unknown))


def _follow(view: View, forms: Sequence[Format], start: int, end: int) -> _Walk:
    """Units one after another, found by their sizes alone: code may look like the start of a unit."""
    walk = _Walk()
    position = view.first_nonzero(start, end)
    while position is not None:
        form = next((form for form in forms if _begins(view, form.magic, position, end)), None)
        if form is None:
            walk.stopped = position
            break
        unit = form.read(view, position, end)
        walk.add(form, unit)
        position = view.first_nonzero(position + unit.size, end)
    return walk


def _begins(view: View, magic: bytes, position: int, end: int) -> bool:
    return position + len(magic) <= end and view.read(position, len(magic)) == magic


def _search(view: View, forms: Sequence[Format], start: int, end: int) -> _Walk:
    """Units anywhere between other data, which may look like one by chance."""
    walk = _Walk()
    false_starts = 0
    for form in forms:
        reached = start
        for position in view.occurrences(form.magic, start, end):
            if position < reached:
                continue
            try:
                unit = form.read(view, position, end)
            except Malformed:
                false_starts += 1
                if false_starts == _MOST_FALSE_STARTS:
                    walk.stopped = position
                    return walk
                continue
            walk.add(form, unit)
            reached = position + unit.size
    return walk
