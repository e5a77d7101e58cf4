"""What is to stay of a library's device code, unit by unit, and whether the library can do with that."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pruner.archs import Wanted
from pruner.elf.layout import Cargo, NewUnit
from pruner.elf.read import Elf, Section
from pruner.errors import Refused
from pruner.formats import formats_for
from pruner.formats.base import Choice, Match, Role
from pruner.formats.container import Held, read_container
from pruner.view import Copy, Scratch


@dataclass
class Tally:
    """What a report says of a library's device code."""

    units: int = 0
    emptied: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    serves: dict[str, Counter[str]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Chips that code buried in other data serves."""
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, held: Held, choice: Choice, kept: tuple[int, ...]) -> None:
        self.units += 1
        for index, entry in enumerate(held.unit.entries):
            if entry.role is Role.CODE:
                (self.kept if index in kept else self.dropped)[entry.label] += entry.size
        if held.form.buried:
            self.elsewhere.update(chip for chip, match in choice.serves if match is not Match.NONE)
            return
        for chip, match in choice.serves:
            self.serves.setdefault(chip, Counter())[match.value] += 1
        has_code = any(entry.role is Role.CODE for entry in held.unit.entries)
        self.emptied += has_code and all(match is Match.NONE for _, match in choice.serves)

    def served(self, chip: str) -> bool:
        matches = self.serves.get(chip, Counter())
        return chip in self.elsewhere or matches.total() > matches[Match.NONE.value]


@dataclass(frozen=True)
class Chosen:
    cargo: tuple[Cargo, ...]
    """The sections in which something is to go."""
    tally: Tally


def choose(elf: Elf, wanted: Wanted, scratch: Scratch) -> Chosen:
    """Raises `Refused` where nothing in the whole library would serve any wanted chip."""
    tally = Tally()
    cargo = []
    for section in elf.sections:
        if section.in_file and formats_for(section.name, wanted):
            chosen = _choose_in(elf, section, wanted, scratch, tally)
            if any(unit.changed for unit in chosen.units):
                cargo.append(chosen)
    if cargo:
        _check_not_emptied(wanted, tally)
    return Chosen(tuple(cargo), tally)


def _choose_in(elf: Elf, section: Section, wanted: Wanted, scratch: Scratch, tally: Tally) -> Cargo:
    container = read_container(elf.view, section.name, section.offset, section.end, wanted)
    tally.unknown.update(container.unknown)
    units = tuple(_renewed(elf, held, wanted, scratch, tally) for held in container.units)
    return Cargo(section, units, movable=container.complete and not container.buried)


def _renewed(elf: Elf, held: Held, wanted: Wanted, scratch: Scratch, tally: Tally) -> NewUnit:
    form, unit = held.form, held.unit
    choice = form.select(unit, wanted)
    kept = choice.kept
    if len(kept) < len(unit.entries):
        pieces = tuple(form.shrink(elf.view, unit, kept, scratch))
        if sum(map(len, pieces)) < unit.size:
            tally.add(held, choice, kept)
            return NewUnit(unit, form, kept, pieces, changed=True)
    everything = tuple(range(len(unit.entries)))
    tally.add(held, choice, everything)
    return NewUnit(unit, form, everything, (Copy(elf.view, unit.offset, unit.size),), changed=False)


def _check_not_emptied(wanted: Wanted, tally: Tally) -> None:
    for chips in (wanted.gfx, wanted.sm):
        asked = [str(chip) for chip in chips if str(chip) in tally.serves]
        if asked and not any(map(tally.served, asked)):
            held = ", ".join(sorted({*tally.kept, *tally.dropped}))
            raise Refused(f"holds no code for {' or '.join(asked)}, only for {held}")


def missing(tally: Tally) -> Iterator[str]:
    """Wanted chips that nothing in the library serves, though it serves another one."""
    return (chip for chip in tally.serves if not tally.served(chip))
