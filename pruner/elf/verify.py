"""Is the new file what it should be? Read again from the disk, by addresses, as a loader would see it.

what the host runs     every loaded byte outside of the units is at its old address, headers and
                       redirected pointers apart
how it is mapped       the same stretches of memory with the same rights; nothing overlaps
who points where       every pointer to a unit reaches that unit
device code            every unit says it holds what was to stay, and holds it byte for byte
"""

from collections.abc import Iterator
from itertools import zip_longest

from pruner.elf.filemap import Range, merged, without
from pruner.elf.layout import COMPACT, Arrangement, NewUnit, Placed
from pruner.elf.plan import Plan
from pruner.elf.read import HEADER, Elf, Section, Segment, SegmentType, check_loadable, read_elf
from pruner.elf.references import WORD, pointers
from pruner.errors import Unproven
from pruner.formats.base import Contents
from pruner.view import CHUNK, View


def verify(plan: Plan, view: View) -> None:
    """Raise `Unproven` unless the file behind `view` is right."""
    new = read_elf(view)
    check_loadable(new)
    _same_program(plan.elf, new)
    _same_memory(plan.elf, new)
    _same_host_bytes(plan, new)
    _same_sections(plan, new)
    for arrangement in plan.arrangements:
        if arrangement.layout == COMPACT:
            _same_pointers(plan.elf, new, arrangement)
    for placed in plan.placed:
        _same_unit(plan.elf, new, placed)


def _demand(truth: object, what: str) -> None:
    if not truth:
        raise Unproven(what)


def _same_program(old: Elf, new: Elf) -> None:
    for what in ("type", "machine", "entry", "executable", "dynamic", "names_index"):
        _demand(getattr(old, what) == getattr(new, what), f"its {what} changed")
    _demand(_others(old) == _others(new), "a segment that is not loaded by itself moved")
    for segment in new.segments:
        if segment.filesz and segment.type not in (SegmentType.LOAD, SegmentType.NOTE):
            offset = new.offset_of(segment.vaddr, segment.filesz)
            _demand(offset == segment.offset, f"segment type {segment.type:#x} is not where it is mapped")


def _others(elf: Elf) -> list[tuple[int, int, int, int]]:
    """Where the segments are that lie within loaded ones; the header table alone may have moved."""
    ignored = (SegmentType.LOAD, SegmentType.NULL, SegmentType.PHDR)
    return [
        (each.type, each.vaddr, each.filesz, each.memsz) for each in elf.segments if each.type not in ignored
    ]


def _same_memory(old: Elf, new: Elf) -> None:
    pieces = iter(new.loads)
    for load in old.loads:
        position = load.vaddr
        while position < load.mem_end or position == load.vaddr:
            piece = next(pieces, None)
            _demand(piece is not None and _continues(load, piece, position), f"no memory at {position:#x}")
            position = piece.mem_end if piece else position
            if load.memsz == 0:
                break
        _demand(position == load.mem_end, f"memory at {load.mem_end:#x} that was not there")
    _demand(next(pieces, None) is None, "a segment too many")


def _continues(load: Segment, piece: Segment, position: int) -> bool:
    return piece.vaddr == position and piece.flags == load.flags and piece.align <= load.align


def _same_host_bytes(plan: Plan, new: Elf) -> None:
    old = plan.elf
    other = merged(
        [
            (0, HEADER.size),
            old.program_headers,
            old.section_headers,
            *((rewrite.start, rewrite.end) for rewrite in plan.rewrites),
            *((offset, offset + len(data)) for offset, data in plan.patches.items()),
        ]
    )
    for load in old.loads:
        for start, end in without((load.offset, load.file_end), other):
            _same_range(old, new, start, start + load.slide, end - start)


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


def _same_sections(plan: Plan, new: Elf) -> None:
    old = plan.elf
    device = {arrangement.section for arrangement in plan.arrangements}
    _demand(len(new.sections) >= len(old.sections), "sections are missing")
    for number, (before, after) in enumerate(zip(old.sections, new.sections, strict=False)):
        if number in plan.dropped:
            continue
        same = (before.name, before.type, before.flags, before.addr) == (
            after.name,
            after.type,
            after.flags,
            after.addr,
        )
        _demand(same, f"section {before.name} became another one")
        if before.in_file and before not in device:
            _same_section(plan, before, new, after)


def _same_section(plan: Plan, before: Section, new: Elf, after: Section) -> None:
    _demand(before.size == after.size, f"section {before.name} changed its size")
    if before.loaded:
        load = plan.elf.load_at(before.addr)
        if load is not None and load.slide == before.addr - before.offset:
            _demand(
                new.offset_of(after.addr) == after.offset, f"section {before.name} is not where it is mapped"
            )
        return
    patched = [(offset, offset + WORD.size) for offset in sorted(plan.patches)]
    for start, end in without((before.offset, before.end), patched):
        begin = after.offset + start - before.offset
        _demand(equal(plan.elf.view, start, new.view, begin, end - start), f"section {before.name} changed")


def _same_pointers(old: Elf, new: Elf, arrangement: Arrangement) -> None:
    start = arrangement.section.addr
    end = start + arrangement.section.size
    moved = {placed.before: placed.address for placed in arrangement.placed}
    expected = {pointer.place: moved.get(pointer.target) for pointer in pointers(old, start, end)}
    found = {pointer.place: pointer.target for pointer in pointers(new, start, end)}
    _demand(expected == found, f"pointers into {arrangement.section.name} do not reach their units")


def _same_unit(old: Elf, new: Elf, placed: Placed) -> None:
    unit = placed.unit
    offset = new.offset_of(placed.address, unit.size)
    _demand(offset is not None, f"the unit at {placed.address:#x} is not in one piece")
    offset = offset or 0
    if not unit.changed or unit.format.buried:
        size = unit.size
        _demand(equal(old.view, unit.unit.offset, new.view, offset, size), f"unit at {placed.address:#x}")
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
