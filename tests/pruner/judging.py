"""An independent judge of what a pruner did to an ELF file.

What the loader maps must be the same bytes at the same addresses as before, but for device code, the tables
that say where things are, and pointers to device code. Those must reach units that hold the same code for the
chips that were asked for, and nothing that was not there before.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, zip_longest

from tests.pruner.reading import (
    ALLOC,
    BURIED_SECTIONS,
    NOBITS,
    PT_LOAD,
    PT_PHDR,
    Data,
    Image,
    Unit,
    Unreadable,
    unit,
    walk,
)

_LEAST_HEADER = 48
"""Of an entry in a CUDA region."""

Ranges = list[tuple[int, int]]


def faults(before: Data, after: Data, wanted: frozenset[str], page: int = 0x1000) -> list[str]:
    """What is wrong with the file after pruning to chips with these labels; nothing, if it is right. What was
    wrong before is not counted."""
    old, new = Image(before, page), Image(after, page)
    try:
        return [
            *_memory(old, new),
            *_units(old, new, wanted),
            *sorted(_disagreements(new) - _disagreements(old)),
            *_kept_sections(old, new),
        ]
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


def _pointers(image: Image) -> dict[int, int]:
    """None where the relocations make no sense."""
    try:
        return image.pointers
    except (Unreadable, struct.error):
        return {}


def _pointer_ranges(image: Image) -> set[int]:
    """The addresses of all bytes that belong to a pointer to device code."""
    device = _device_ranges(image)
    words = {slot for slot, target in _pointers(image).items() if _inside(target, device)}
    addends = {addend for slot, addend in image.addends if slot in words} if words else set()
    return {word + byte for word in words | addends for byte in range(8)}


def _inside(address: int, ranges: Ranges) -> bool:
    return any(start <= address < end for start, end in ranges)


# Device code.


def _units(old: Image, new: Image, wanted: frozenset[str]) -> Iterator[str]:
    device = _device_ranges(old)
    own = [*device, *_header_ranges(old), *_header_ranges(new)]
    pointers, moved = (
        {slot: target for slot, target in _pointers(image).items() if not _inside(slot, own)}
        for image in (old, new)
    )
    if pointers.keys() != moved.keys():
        yield "other words are pointers now"
        return
    buried = [(part.address, part.end) for part in old.device_sections if part.name in BURIED_SECTIONS]
    for slot, target in pointers.items():
        if _inside(target, device) and not _inside(target, buried):
            yield from _unit(old, new, target, moved[slot], wanted)
        elif moved[slot] != target:
            yield f"the pointer at {slot:#x} to {target:#x} became {moved[slot]:#x}"
    reached = old.targets if _pointers(old) else set()
    for section in old.device_sections:
        for found in walk(old, section):
            if section.name in BURIED_SECTIONS:
                yield from _buried(found, new, wanted)
            elif found.address not in reached:
                yield from _unit(old, new, found.address, found.address, wanted)


def _unit(old: Image, new: Image, source: int, target: int, wanted: frozenset[str]) -> Iterator[str]:
    try:
        before = unit(old.read, source)
    except Unreadable:
        if source != target or old.read(source, 8) != new.read(target, 8):
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


def _buried(before: Unit, new: Image, wanted: frozenset[str]) -> Iterator[str]:
    """Each entry is there with its header, and what is wanted with its code."""
    after = unit(new.read, before.address)
    for (label, had), (now, has) in zip_longest(before.objects, after.objects, fillvalue=("nothing", b"")):
        compared = len(had) if label in wanted else _LEAST_HEADER
        if (now, len(has), has[:compared]) != (label, len(had), had[:compared]):
            yield f"the unit at {before.address:#x} holds {now} otherwise, where it held {label}"


# Tables.


def _disagreements(image: Image) -> set[str]:
    """Headers whose address and whose offset are different places."""
    found = {
        f"program header of type {part.kind:#x} for {part.address:#x}"
        for part in image.segments
        if part.kind != PT_LOAD and part.filed and image.offset(part.address) != part.offset
    }
    if any(part.kind == PT_PHDR and part.offset != image.segments_at for part in image.segments):
        found.add("PT_PHDR")
    return found | {
        f"section {part.name}"
        for part in image.sections
        if part.flags & ALLOC and part.kind not in {0, NOBITS} and part.size
        if image.offset(part.address) != part.offset
    }


def _kept_sections(old: Image, new: Image) -> Iterator[str]:
    """A section that is not loaded is as it was, or gone and its place among the headers empty."""
    loaded = [(part.offset, part.offset + part.filed) for part in old.segments if part.kind == PT_LOAD]
    for source, part in zip(old.sections, new.sections, strict=False):
        if source.flags & ALLOC or _inside(source.offset, loaded) or part.kind in {0, NOBITS}:
            continue
        if new.data[part.offset :][: part.size] != old.data[source.offset :][: source.size]:
            yield f"section {part.name} changed"
