"""Where the smaller units of a section go.

`keep` leaves every unit at its address: each shrinks in place. `compact` packs them from the start of the
section and redirects the pointers, which is only right when every reference to a unit is known. The proof
is in `_obstacle`; where it fails, `keep` is what happens.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pruner.elf.read import PAGE, READABLE, Elf, Machine, Section, Segment
from pruner.elf.references import WORD, Pointer, References
from pruner.errors import Malformed, Refused
from pruner.formats.base import Format, Unit
from pruner.view import Piece

COMPACT, KEEP = "compact", "keep"
_LEAST_BURIED_HOLE = 65536
"""Buried units come in thousands, and are small."""


@dataclass(frozen=True)
class NewUnit:
    """A unit as it is to be."""

    unit: Unit
    format: Format
    kept: tuple[int, ...]
    pieces: tuple[Piece, ...]
    changed: bool

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True)
class Cargo:
    """A section of device code and what is to become of its units."""

    section: Section
    units: tuple[NewUnit, ...]
    movable: bool
    """Nothing but these units and zeros lies in the section."""


@dataclass(frozen=True)
class Rewrite:
    """[start, end) of the old file: first the pieces, up to `used`; the rest is free."""

    start: int
    end: int
    pieces: tuple[Piece, ...]
    load: Segment
    least_hole: int = PAGE
    """A smaller hole is not worth a segment of its own."""

    @property
    def used(self) -> int:
        return self.start + sum(map(len, self.pieces))


@dataclass(frozen=True)
class Placed:
    """A unit and the address that it has from now on."""

    unit: NewUnit
    before: int
    address: int


@dataclass(frozen=True)
class Arrangement:
    """One section, laid out."""

    section: Section
    layout: str
    rewrites: tuple[Rewrite, ...]
    placed: tuple[Placed, ...]
    patches: Mapping[int, bytes] = field(default_factory=dict)
    """Old file offset -> the bytes that a moved unit's pointer has from now on."""
    obstacle: str = ""
    """Why the units did not move together."""


def references(elf: Elf, cargo: Sequence[Cargo]) -> References:
    sections = [each.section for each in cargo]
    units = frozenset(new.unit.offset + each.section.slide for each in cargo for new in each.units)
    return References(elf, sections, units)


def arrange(elf: Elf, cargo: Cargo, layout: str, known: References) -> Arrangement:
    """Lay out a section: `compact`, `keep`, or `auto` for the first where it is proven right."""
    load = _home(elf, cargo.section)
    aimed = known.pointers_into(cargo.section)
    _check_not_entered(cargo, load, aimed)
    if layout == KEEP:
        return _kept_in_place(cargo, load)
    targets = _new_addresses(cargo, load)
    obstacle = known.unknown or _obstacle(elf, cargo, targets, known)
    if not obstacle:
        return _compacted(cargo, load, targets, known)
    if layout == COMPACT:
        raise Refused(f"{cargo.section.name} cannot be compacted: {obstacle}")
    return _kept_in_place(cargo, load, obstacle)


def _check_not_entered(cargo: Cargo, load: Segment, aimed: Iterable[Pointer]) -> None:
    """Whoever points into the middle of a unit wants what is there now, and nobody knows what that is."""
    targets = sorted(pointer.target - load.slide for pointer in aimed)
    for new in cargo.units:
        position = bisect_right(targets, new.unit.offset)
        if new.changed and position < len(targets) and targets[position] < new.unit.offset + new.unit.size:
            raise Refused(f"a pointer aims into the middle of a unit, at {targets[position] + load.slide:#x}")


def _home(elf: Elf, section: Section) -> Segment:
    homes = [load for load in elf.loads if load.holds(section.offset, section.size)]
    if len(homes) != 1:
        raise Refused(f"section {section.name} is not loaded in one piece")
    if homes[0].slide != section.slide:
        raise Malformed(f"section {section.name} is said to be at {section.addr:#x}, but is loaded elsewhere")
    if not homes[0].flags & READABLE:
        raise Refused(f"section {section.name} lies in a segment that nobody may read")
    return homes[0]


def _kept_in_place(cargo: Cargo, load: Segment, obstacle: str = "") -> Arrangement:
    rewrites = tuple(
        Rewrite(new.unit.offset, new.unit.offset + new.unit.size, new.pieces, load, _least_hole(new))
        for new in cargo.units
        if new.changed
    )
    placed = tuple(
        Placed(new, new.unit.offset + load.slide, new.unit.offset + load.slide) for new in cargo.units
    )
    return Arrangement(cargo.section, KEEP, rewrites, placed, obstacle=obstacle)


def _least_hole(new: NewUnit) -> int:
    return _LEAST_BURIED_HOLE if new.format.buried else PAGE


def _alignment(address: int) -> int:
    """What the unit's address was a multiple of, up to a page: it may rely on that."""
    return min(PAGE, address & -address) if address else PAGE


def _new_addresses(cargo: Cargo, load: Segment) -> dict[int, int]:
    """Old address of each unit -> its address when they are packed. The first one stays."""
    addresses: dict[int, int] = {}
    position = 0
    for new in cargo.units:
        old = new.unit.offset + load.slide
        alignment = _alignment(old)
        position = -(-position // alignment) * alignment if addresses else old
        addresses[old] = position
        position += new.size
    return addresses


def _obstacle(elf: Elf, cargo: Cargo, targets: Mapping[int, int], known: References) -> str:
    """Why the units must not move, or nothing: every reference to one that moves is a pointer we know."""
    moving = {old for old, new in targets.items() if new != old}
    aimed = known.pointers_into(cargo.section)
    if not cargo.movable:
        return "it holds data in a form that is not known"
    if elf.machine is not Machine.X86_64:
        return "code for this machine is not searched for references"
    astray = sum(pointer.target not in targets for pointer in aimed)
    if astray:
        return f"{astray} pointers aim into the middle of units"
    unseen = moving - {pointer.target for pointer in aimed}
    if unseen:
        return f"nothing known points at {len(unseen)} of the units, the first at {min(unseen):#x}"
    exported = moving & known.exported
    if exported:
        return f"an exported symbol stands for the unit at {min(exported):#x}"
    in_code = moving and moving & known.in_code
    return f"machine code refers to the unit at {min(in_code):#x}" if in_code else ""


def _compacted(cargo: Cargo, load: Segment, targets: Mapping[int, int], known: References) -> Arrangement:
    section = cargo.section
    first = cargo.units[0].unit.offset
    rewrite = Rewrite(first, section.end, tuple(_packed(cargo, load, targets)), load)
    placed = tuple(
        Placed(new, new.unit.offset + load.slide, targets[new.unit.offset + load.slide])
        for new in cargo.units
    )
    patches = {
        word: WORD.pack(targets[pointer.target])
        for pointer in known.pointers_into(section)
        for word in pointer.words
        if targets[pointer.target] != pointer.target
    }
    for word, value in known.symbols_into(section):
        if targets.get(value, value) != value:
            patches[word] = WORD.pack(targets[value])
    return Arrangement(section, COMPACT, (rewrite,), placed, patches)


def _packed(cargo: Cargo, load: Segment, targets: Mapping[int, int]) -> Iterator[Piece]:
    position = cargo.units[0].unit.offset + load.slide
    for new in cargo.units:
        address = targets[new.unit.offset + load.slide]
        if address > position:
            yield bytes(address - position)
        yield from new.pieces
        position = address + new.size
