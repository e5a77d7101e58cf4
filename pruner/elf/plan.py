"""What the new file is: the old one less some ranges, with some bytes replaced, and new headers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pruner.elf.cuts import MOST_HOLES, gaps, granule, hole, holes
from pruner.elf.filemap import FileMap, Range, apart
from pruner.elf.headers import needs_longer_table, new_sections, new_segments
from pruner.elf.layout import Arrangement, Cargo, Placed, Rewrite, arrange, references
from pruner.elf.overlaps import check_apart
from pruner.elf.read import PROGRAM_HEADER, SECTION_HEADER, Elf, Section, Segment
from pruner.elf.strip import check_nothing_behind, freed, strippable
from pruner.errors import Malformed, Refused

_TABLE_ALIGNMENT = 8


@dataclass(frozen=True)
class Plan:
    elf: Elf
    arrangements: tuple[Arrangement, ...]
    rewrites: tuple[Rewrite, ...]
    """Ascending and apart, in offsets of the old file."""
    where: FileMap
    patches: Mapping[int, bytes]
    """Old file offset -> new bytes: pointers to units that moved."""
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    phoff: int
    shoff: int
    size: int
    dropped: frozenset[int]
    """Numbers of the sections that are gone."""

    @property
    def placed(self) -> Iterator[Placed]:
        for arrangement in self.arrangements:
            yield from arrangement.placed

    @property
    def stripped(self) -> int:
        """Bytes of symbols and debug data that are gone."""
        return sum(self.elf.sections[number].size for number in self.dropped)


def plan(elf: Elf, cargo: Sequence[Cargo], *, layout: str, strip: bool) -> Plan:
    check_nothing_behind(elf)
    check_apart(elf, cargo)
    page = granule(elf)
    known = references(elf, cargo)
    arrangements = tuple(arrange(elf, each, layout, known) for each in cargo)
    dropped = strippable(elf) if strip else frozenset()
    rewrites, table, inner = _with_room_for_headers(elf, _in_order(arrangements), page)
    appended = needs_longer_table(arrangements, inner, table)
    outer = gaps(elf, freed(elf, dropped, section_table=not appended), page)
    where = FileMap(sorted([*inner, *outer]))
    sections = new_sections(elf, arrangements, where, table, dropped)
    end = elf.view.size - where.gone
    shoff = _up(end) if appended else where(elf.shoff)
    return Plan(
        elf=elf,
        arrangements=arrangements,
        rewrites=rewrites,
        where=where,
        patches=_patches(arrangements, where),
        segments=new_segments(elf, where, page, table),
        sections=sections,
        phoff=where(table[0]) if table else where(elf.phoff),
        shoff=shoff,
        size=shoff + SECTION_HEADER.size * len(sections) if appended else end,
        dropped=dropped,
    )


def _in_order(arrangements: Iterable[Arrangement]) -> tuple[Rewrite, ...]:
    rewrites = sorted((each for one in arrangements for each in one.rewrites), key=lambda each: each.start)
    if not apart((rewrite.start, rewrite.end) for rewrite in rewrites):
        raise Malformed("two units of device code share bytes")
    return tuple(rewrites)


_Roomy = tuple[tuple[Rewrite, ...], Range | None, list[Range]]
"""Rewrites of which one has room for the table of program headers, where that is, and the holes."""


def _with_room_for_headers(elf: Elf, rewrites: tuple[Rewrite, ...], page: int) -> _Roomy:
    """As many holes as there may be; fewer where no unit frees enough for the headers of all."""
    most = MOST_HOLES
    while most:
        roomy = _with_room_for(elf, rewrites, page, most)
        if roomy:
            return roomy
        most //= 2
    raise Refused("there is no room for its longer table of program headers")


def _with_room_for(elf: Elf, rewrites: tuple[Rewrite, ...], page: int, most: int) -> _Roomy | None:
    """Find room for a longer table in what the units leave free, which is mapped and readable already."""
    inner = holes(rewrites, page, most)
    needed = len(new_segments(elf, FileMap(inner), page))
    if needed <= len(elf.segments):
        return rewrites, None, inner
    size = PROGRAM_HEADER.size * needed
    candidates = [
        (cost, number)
        for number, rewrite in enumerate(rewrites)
        if (cost := _cost_of_room(rewrite, size, page)) is not None
        and (not elf.executable or _found_by_old_kernels(elf, rewrites[: number + 1], page))
    ]
    if not candidates:
        return None
    chosen = rewrites[min(candidates)[1]]
    start = _up(chosen.used)
    room = bytes(start + size - chosen.used)
    grown = replace(chosen, pieces=(*chosen.pieces, room))
    rewrites = tuple(grown if each is chosen else each for each in rewrites)
    return rewrites, (start, start + size), holes(rewrites, page, most)


def _cost_of_room(rewrite: Rewrite, size: int, page: int) -> int | None:
    """The bytes of the hole that a table behind the rewrite's content costs, if there is room for it."""
    room = _up(rewrite.used) - rewrite.used + size
    if rewrite.used + room > rewrite.end:
        return None
    before, after = hole(rewrite, page), hole(rewrite, page, keep=room)
    return (before[1] - before[0] if before else 0) - (after[1] - after[0] if after else 0)


def _found_by_old_kernels(elf: Elf, rewrites: tuple[Rewrite, ...], page: int) -> bool:
    """Linux before 5.18 tells a program that its headers are at the first segment's slide plus e_phoff."""
    return rewrites[-1].load.slide == elf.loads[0].slide and not holes(rewrites[:-1], page)


def _up(offset: int) -> int:
    return -(-offset // _TABLE_ALIGNMENT) * _TABLE_ALIGNMENT


def _patches(arrangements: Iterable[Arrangement], where: FileMap) -> dict[int, bytes]:
    """The pointers to units that moved, but for those in a symbol table that is gone."""
    return {
        offset: data
        for arrangement in arrangements
        for offset, data in arrangement.patches.items()
        if not where.within(offset, offset + 1)
    }
