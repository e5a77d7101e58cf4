"""Is the new file what it should be? Read again from the disk, by addresses, as a loader would see it.

what the host runs     every loaded byte outside of the units is at its old address, headers and
                       redirected pointers apart
how it is mapped       the same stretches of memory with the same rights; nothing overlaps
who points where       every pointer to a unit reaches that unit
device code            every unit says it holds what was to stay, and holds it byte for byte
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import zip_longest

from pruner.elf.filemap import FileMap, Range, merged, without
from pruner.elf.layout import COMPACT, Arrangement, NewUnit, Placed
from pruner.elf.plan import Plan
from pruner.elf.read import (
    DROPPED,
    HEADER,
    LARGEST_PAGE,
    PAGE,
    Elf,
    Machine,
    Section,
    SectionType,
    Segment,
    SegmentType,
    check_loadable,
    read_elf,
)
from pruner.elf.references import WORD, Targets, pointers, symbols
from pruner.errors import Unproven
from pruner.formats.base import Contents
from pruner.view import CHUNK, View


def verify(plan: Plan, view: View) -> None:
    """Raise `Unproven` unless the file behind `view` is right."""
    new = read_elf(view)
    check_loadable(new)
    redirected = _redirected(plan)
    _same_program(plan.elf, new)
    _same_memory(plan.elf, new)
    _same_host_bytes(plan, new, redirected)
    _same_sections(plan, new, redirected)
    for arrangement in plan.arrangements:
        _device_sections(new, arrangement)
    _same_pointers(plan, new)
    _reach(plan.elf, new, redirected)
    for placed in plan.placed:
        _same_unit(plan.elf, new, placed)


def _demand(truth: object, what: str) -> None:
    if not truth:
        raise Unproven(what)


def _redirected(plan: Plan) -> dict[int, int]:
    """The words that say where a unit is, by their old offset, and what each is to say."""
    targets, moved = _moved(plan)
    words = dict(symbols(plan.elf, SectionType.SYMTAB, targets)) if moved else {}
    if moved:
        for pointer in pointers(plan.elf, targets):
            words.update(dict.fromkeys(pointer.words, pointer.target))
    return {word: moved.get(value, value) for word, value in words.items()}


def _moved(plan: Plan) -> tuple[Targets, dict[int, int]]:
    """Where units moved together: the sections, and the units' old addresses with their new ones."""
    compact = [arrangement for arrangement in plan.arrangements if arrangement.layout == COMPACT]
    moved = {placed.before: placed.address for arrangement in compact for placed in arrangement.placed}
    return Targets(arrangement.section for arrangement in compact), moved


def _same_program(old: Elf, new: Elf) -> None:
    _demand(_lasting(old) == _lasting(new), "its ELF header changed")
    _demand(old.dynamic == new.dynamic, "its dynamic section changed")
    before, after = _others(old), _others(new)
    same = [replace(each, offset=0, paddr=0) for each in before] == [
        replace(each, offset=0, paddr=0) for each in after
    ]
    _demand(same, "a segment that is not loaded by itself moved")
    for was, now in zip(before, after, strict=True):
        if was.filesz:
            _same_place(old, was, new, now)
    for segment in new.segments:
        if segment.type == SegmentType.PHDR:
            table = (segment.offset, segment.file_end)
            home = new.offset_of(segment.vaddr, segment.filesz)
            right = home == segment.offset and table == new.program_headers
            _demand(right, "its program headers are not where they are said to be")


def _lasting(elf: Elf) -> list[object]:
    """The ELF header without where the tables are and how long they are."""
    passing = (5, 6, 10, 12)
    return [value for place, value in enumerate(HEADER.unpack(elf.header)) if place not in passing]


def _others(elf: Elf) -> list[Segment]:
    """The segments that lie within loaded ones; the header table alone may have moved."""
    ignored = (SegmentType.LOAD, SegmentType.NULL, SegmentType.PHDR)
    return [each for each in elf.segments if each.type not in ignored]


def _same_place(old: Elf, was: Segment, new: Elf, now: Segment) -> None:
    what = f"segment type {now.type:#x}"
    if old.offset_of(was.vaddr, was.filesz) == was.offset:
        _demand(new.offset_of(now.vaddr, now.filesz) == now.offset, f"{what} is not where it is mapped")
    else:
        _demand(equal(old.view, was.offset, new.view, now.offset, was.filesz), f"{what} changed")


def _same_memory(old: Elf, new: Elf) -> None:
    pieces = iter(new.loads)
    smallest = PAGE if old.machine is Machine.X86_64 else LARGEST_PAGE
    for load in old.loads:
        position = load.vaddr
        while position < load.mem_end or position == load.vaddr:
            piece = next(pieces, None)
            right = piece is not None and _continues(load, piece, position, smallest)
            _demand(right, f"no memory at {position:#x} as it was")
            position = piece.mem_end if piece else position
            if load.memsz == 0:
                break
        _demand(position == load.mem_end, f"memory at {load.mem_end:#x} that was not there")
    _demand(next(pieces, None) is None, "a segment too many")


def _continues(load: Segment, piece: Segment, position: int, smallest: int) -> bool:
    """Whether a piece of this segment is mapped here as it was; what was zeros still is."""
    ordinary = load.align > LARGEST_PAGE and piece.align >= smallest
    return (
        piece.vaddr == position
        and piece.flags == load.flags
        and (piece.align == load.align or ordinary)
        and piece.vaddr + piece.filesz <= load.vaddr + load.filesz
    )


def _same_host_bytes(plan: Plan, new: Elf, redirected: Iterable[int]) -> None:
    old = plan.elf
    words = ((offset, offset + WORD.size) for offset in redirected)
    other = merged([*_changeable(plan), *words])
    for load in old.loads:
        for start, end in without((load.offset, load.file_end), other):
            _same_range(old, new, start, start + load.slide, end - start)


def _changeable(plan: Plan) -> Iterator[Range]:
    """Headers and units, as far as no section of the host claims the same bytes."""
    old = plan.elf
    device = {arrangement.section for arrangement in plan.arrangements}
    host = FileMap(
        merged(
            (section.offset, section.end)
            for section in old.sections
            if section.in_file and section not in device
        )
    )
    headers = [(0, HEADER.size), old.program_headers, old.section_headers]
    for start, end in [*headers, *(part for each in plan.arrangements for part in _of_units(old, each))]:
        yield from host.left(start, end)


def _of_units(old: Elf, arrangement: Arrangement) -> Iterator[Range]:
    """The old units that are not the same any more; where they moved together, all from the first on."""
    units = [placed.unit for placed in arrangement.placed]
    ranges = [(each.unit.offset, each.unit.offset + each.unit.size) for each in units]
    if arrangement.layout != COMPACT:
        yield from (part for part, each in zip(ranges, units, strict=True) if each.changed)
        return
    yield from ranges
    for start, end in without((ranges[0][0], arrangement.section.end), ranges):
        _demand(old.view.first_nonzero(start, end) is None, f"something lies between units, at {start:#x}")
        yield start, end


def _same_range(old: Elf, new: Elf, offset: int, address: int, size: int) -> None:
    found = new.offset_of(address, size)
    _demand(found is not None, f"the file has no bytes for {address:#x} any more")
    _demand(equal(old.view, offset, new.view, found or 0, size), f"bytes changed behind {address:#x}")


def equal(one: View, start: int, other: View, begin: int, size: int) -> bool:
    """Whether two stretches are the same; where both are holes of sparse files there is nothing to read."""
    present = merged([*_present(one, start, size), *_present(other, begin, size)])
    return all(
        one.read(start + position, length) == other.read(begin + position, length)
        for first, last in present
        for position in range(first, last, CHUNK)
        if (length := min(CHUNK, last - position))
    )


def _present(view: View, start: int, size: int) -> Iterator[Range]:
    return ((first - start, last - start) for first, last in view.data(start, start + size))


def _same_sections(plan: Plan, new: Elf, redirected: Iterable[int]) -> None:
    old = plan.elf
    device = {arrangement.section for arrangement in plan.arrangements}
    _demand(len(new.sections) >= len(old.sections), "sections are missing")
    for number, (before, after) in enumerate(zip(old.sections, new.sections, strict=False)):
        if number in plan.dropped:
            gone = replace(after, name="") == DROPPED and not before.loaded
            _demand(gone, f"section {before.name} is gone, but not as planned")
            continue
        size, align = (before.size, before.align) if before in device else (after.size, after.align)
        same = replace(after, offset=before.offset, size=size, align=align) == before
        _demand(same, f"the header of section {before.name} changed")
        if before.in_file and before not in device:
            _same_section(plan, before, new, after, redirected)
    added = {section.name for section in new.sections[len(old.sections) :]}
    _demand(added <= {section.name for section in device}, "a section too many")


def _same_section(plan: Plan, before: Section, new: Elf, after: Section, redirected: Iterable[int]) -> None:
    if before.loaded:
        load = plan.elf.load_at(before.addr)
        if load is not None and load.slide == before.slide:
            _demand(
                new.offset_of(after.addr) == after.offset, f"section {before.name} is not where it is mapped"
            )
        return
    words = [(offset, offset + WORD.size) for offset in sorted(redirected)]
    for start, end in without((before.offset, before.end), words):
        begin = after.offset + start - before.offset
        _demand(equal(plan.elf.view, start, new.view, begin, end - start), f"section {before.name} changed")


def _device_sections(new: Elf, arrangement: Arrangement) -> None:
    """What is left of the section holds every unit, for whoever looks for them by its headers."""
    section = arrangement.section
    pieces = [
        each
        for each in new.sections
        if each.name == section.name and section.addr <= each.addr < section.addr + section.size
    ]
    for piece in pieces:
        right = new.offset_of(piece.addr, piece.size) == piece.offset
        _demand(right, f"section {section.name} is not where it is mapped")
    held = FileMap(merged((piece.addr, piece.addr + piece.size) for piece in pieces))
    for placed in arrangement.placed:
        rest = held.left(placed.address, placed.address + placed.unit.size)
        _demand(next(rest, None) is None, f"no section holds the unit at {placed.address:#x}")


def _same_pointers(plan: Plan, new: Elf) -> None:
    targets, moved = _moved(plan)
    if moved:
        expected = {pointer.place: moved.get(pointer.target) for pointer in pointers(plan.elf, targets)}
        found = {pointer.place: pointer.target for pointer in pointers(new, targets)}
        _demand(expected == found, "pointers into the code do not reach their units")


def _reach(old: Elf, new: Elf, redirected: Mapping[int, int]) -> None:
    """Every word that says where a unit is says the new place."""
    for offset, target in redirected.items():
        now = _offset_now(old, new, offset)
        right = now is None or new.view.unpack(WORD, now) == (target,)
        _demand(right, f"what said where the unit at {target:#x} is does not do so any more")


def _offset_now(old: Elf, new: Elf, offset: int) -> int | None:
    """Where a word of the old file is; None: its section is gone."""
    for load in old.loads:
        if load.holds(offset, WORD.size):
            return new.offset_of(offset + load.slide, WORD.size)
    for before, after in zip(old.sections, new.sections, strict=False):
        if before.in_file and before.offset <= offset < before.end:
            return after.offset + offset - before.offset if after.in_file else None
    return None


def _same_unit(old: Elf, new: Elf, placed: Placed) -> None:
    unit = placed.unit
    relied = min(PAGE, placed.before & -placed.before or PAGE)
    _demand(placed.address % relied == 0, f"the unit at {placed.address:#x} lost its alignment")
    offset = new.offset_of(placed.address, unit.size)
    _demand(offset is not None, f"the unit at {placed.address:#x} is not in one piece")
    offset = offset or 0
    if not unit.changed or unit.format.buried:
        size = unit.size
        _demand(
            equal(old.view, unit.unit.offset, new.view, offset, size),
            f"the unit at {placed.address:#x} changed",
        )
        return
    again = unit.format.read(new.view, offset, offset + unit.size)
    expected = tuple(unit.unit.entries[index] for index in unit.kept)
    _demand(again.entries == expected, f"the unit at {placed.address:#x} lists other entries than planned")
    with (
        unit.format.contents(old.view, unit.unit) as before,
        unit.format.contents(new.view, again) as after,
    ):
        _same_code(unit, before, after)


def _same_code(unit: NewUnit, before: Contents, after: Contents) -> None:
    for now, index in enumerate(unit.kept):
        label = unit.unit.entries[index].label
        _demand(_same_stream(before(index), after(now)), f"code for {label} changed")


def _same_stream(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    """Both give their bytes in chunks of one size, the last one shorter."""
    return all(left == right for left, right in zip_longest(one, other))
