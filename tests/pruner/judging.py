"""An independent judge of what a pruner did to an ELF file.

What the loader maps must be the same bytes at the same addresses as before, but for device code, the tables
that say where things are, and pointers to device code. Those must reach units that hold the same code for the
chips that were asked for, and nothing that was not there before.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.pruner.reading import (
    ALLOC,
    NOBITS,
    PT_LOAD,
    PT_PHDR,
    Image,
    Section,
    Unit,
    Unreadable,
    unit,
)

Ranges = list[tuple[int, int]]


def faults(before: bytes, after: bytes, wanted: frozenset[str], page: int = 0x1000) -> list[str]:
    """What is wrong with the file after pruning to chips with these labels; nothing, if it is right."""
    try:
        old, new = Image(before, page), Image(after, page)
        return [*_memory(old, new), *_units(old, new, wanted), *_tables(new), *_kept_sections(old, new)]
    except (Unreadable, struct.error, IndexError) as error:
        return [f"cannot be read: {error!r}"]


# Memory.


def _memory(old: Image, new: Image) -> Iterator[str]:
    free = _device_ranges(old) + _header_ranges(old)
    pointers = _pointer_ranges(old)
    segments = [(part.address, part.address + part.size) for part in old.segments if part.kind == PT_LOAD]
    borders = old.borders() | new.borders() | {end for pair in [*segments, *free] for end in pair}
    for start, end in pairwise(sorted(borders)):
        if not _inside(start, segments):
            continue
        source, target = old.mapping(start), new.mapping(start)
        if source is None or target is None or source.access != target.access:
            yield f"{start:#x}: mapped as {target}, was {source}"
        elif not _inside(start, free):
            yield from _bytes(old, new, start, end, pointers)


def _bytes(old: Image, new: Image, start: int, end: int, pointers: set[int]) -> Iterator[str]:
    if _zeros(old, start) and _zeros(new, start):
        return
    one, other = old.read(start, end - start), new.read(start, end - start)
    for position in range(end - start) if one != other else ():
        if one[position] != other[position] and start + position not in pointers:
            yield f"{start + position:#x}: {other[position]:#x}, was {one[position]:#x}"
            return


def _zeros(image: Image, address: int) -> bool:
    return image.offset(address) is None


def _device_ranges(image: Image) -> Ranges:
    return [(part.address, part.end) for part in image.device_sections]


def _header_ranges(image: Image) -> Ranges:
    """The addresses of the ELF header and of both tables, where they are loaded."""
    tables = [
        (0, 64),
        (image.segments_at, image.segments_at + 56 * image.segment_count),
        (image.sections_at, image.sections_at + 64 * image.section_count),
    ]
    return [
        (
            part.address + max(first, part.offset) - part.offset,
            part.address + min(last, part.offset + part.filed) - part.offset,
        )
        for part in image.segments
        if part.kind == PT_LOAD
        for first, last in tables
        if first < part.offset + part.filed and last > part.offset
    ]


def _pointer_ranges(image: Image) -> set[int]:
    """The addresses of all bytes that belong to a pointer to device code."""
    device = _device_ranges(image)
    words = [slot for slot, target in image.pointers.items() if _inside(target, device)]
    words += [image.addends[slot] for slot in words if slot in image.addends]
    return {word + byte for word in words for byte in range(8)}


def _inside(address: int, ranges: Ranges) -> bool:
    return any(start <= address < end for start, end in ranges)


# Device code.


def _units(old: Image, new: Image, wanted: frozenset[str]) -> Iterator[str]:
    if old.pointers.keys() != new.pointers.keys():
        yield "other words are pointers now"
        return
    device = _device_ranges(old)
    reached = set()
    for slot, target in old.pointers.items():
        now = new.pointers[slot]
        if _inside(target, device):
            reached.add(target)
            yield from _unit(old, new, target, now, wanted)
        elif now != target:
            yield f"the pointer at {slot:#x} to {target:#x} became {now:#x}"
    for section in old.device_sections:
        for found in _walk(old, section):
            if found.address not in reached:
                yield from _unit(old, new, found.address, found.address, wanted)


def _unit(old: Image, new: Image, source: int, target: int, wanted: frozenset[str]) -> Iterator[str]:
    try:
        before = unit(old.read, source)
    except Unreadable:
        if source != target or old.read(source, 64) != new.read(target, 64):
            yield f"what is no unit at {source:#x} changed"
        return
    after = unit(new.read, target)
    had, has = Counter(before.objects), Counter(after.objects)
    if has - had:
        yield f"the unit of {source:#x} got what it did not have: {[label for label, _ in has - had]}"
    lost = [label for label, _ in had - has if label in wanted or label == "host"]
    if lost:
        yield f"the unit of {source:#x} lost {lost}"
    if had and not has:
        yield f"the unit of {source:#x} is empty"


def _walk(image: Image, section: Section) -> Iterator[Unit]:
    """Units that follow one another with zeros between, up to what is none."""
    address = section.address
    while address < section.end:
        if not any(image.read(address, 4)):
            address += 4
            continue
        try:
            found = unit(image.read, address)
        except Unreadable:
            return
        yield found
        address += found.size + -found.size % 4


# Tables.


def _tables(image: Image) -> Iterator[str]:
    for part in image.segments:
        if part.kind != PT_LOAD and part.filed and image.offset(part.address) != part.offset:
            yield f"program header {part}: its address and its offset are different places"
        if part.kind == PT_PHDR and part.offset != image.segments_at:
            yield "PT_PHDR is not at the program headers"
    for section in image.sections:
        loaded = section.flags & ALLOC and section.kind != NOBITS and section.size
        if loaded and image.offset(section.address) != section.offset:
            yield f"section {section}: its address and its offset are different places"


def _kept_sections(old: Image, new: Image) -> Iterator[str]:
    """A section that is not loaded is as it was, or gone."""
    before = {part.name: part for part in old.sections if not part.flags & ALLOC}
    for part in new.sections:
        source = before.get(part.name)
        if source is None or part.name in {"", ".shstrtab"} or part.kind == NOBITS:
            continue
        if new.data[part.offset :][: part.size] != old.data[source.offset :][: source.size]:
            yield f"section {part.name} changed"
