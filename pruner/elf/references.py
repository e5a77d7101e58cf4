"""Who points at device code: relocations, machine code, exported symbols."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct

from pruner.elf.filemap import Range, merged, without
from pruner.elf.read import (
    EXECUTABLE,
    EXECUTABLE_SECTION,
    HEADER,
    Elf,
    Machine,
    Section,
    SectionType,
    Segment,
)
from pruner.errors import Malformed, Refused

WORD = Struct("<Q")
_RELOCATION = 24
_AT_A_TIME = _RELOCATION * 65536
_CODE_AT_A_TIME = 1 << 22
_LONGEST = 7
"""Bytes of the instructions that are looked for."""
_RELR_AT_MOST = 64 << 20
_WORDS_AT_A_TIME = 1 << 16
_RELA, _RELASZ, _PLTREL, _JMPREL, _PLTRELSZ = 7, 8, 20, 23, 2
_RELR, _RELRSZ, _REL = 36, 35, 17
_REL_KIND = {Machine.X86_64: 8, Machine.AARCH64: 1027}
"""R_X86_64_RELATIVE and R_AARCH64_RELATIVE: the addend is the address that is pointed at."""


@dataclass(frozen=True)
class Pointer:
    """A word that the loader fills with an address of device code."""

    place: int
    """The address of the word."""
    target: int
    words: tuple[int, ...]
    """File offsets of the eight bytes that say so: the relocation's addend, the word itself, or both."""


class Targets:
    """The addresses of sections, which may be a thousand where an earlier run made as many holes."""

    def __init__(self, sections: Iterable[Section]) -> None:
        ranges = merged((section.addr, section.addr + section.size) for section in sections)
        self._starts = [start for start, _ in ranges]
        self._ends = [end for _, end in ranges]
        self.start, self.end = (self._starts[0], self._ends[-1]) if ranges else (0, 0)

    def __contains__(self, address: int) -> bool:
        before = bisect_right(self._starts, address)
        return before > 0 and address < self._ends[before - 1]


def pointers(elf: Elf, targets: Targets) -> Iterator[Pointer]:
    """The relative relocations, of both kinds, to these addresses."""
    yield from _from_rela(elf, targets)
    yield from _from_relr(elf, targets)


def _from_rela(elf: Elf, targets: Targets) -> Iterator[Pointer]:
    for offset, size in _tables(elf):
        for base in range(offset, offset + size, _AT_A_TIME):
            yield from _from_chunk(elf, base, min(_AT_A_TIME, offset + size - base), targets)


def _tables(elf: Elf) -> Iterator[tuple[int, int]]:
    dynamic = elf.dynamic
    if _REL in dynamic or dynamic.get(_PLTREL) == _REL:
        raise Refused("relocations without addends (DT_REL)")
    for where, how_long in ((_RELA, _RELASZ), (_JMPREL, _PLTRELSZ)):
        if where not in dynamic or not dynamic.get(how_long):
            continue
        size = dynamic[how_long]
        offset = elf.offset_of(dynamic[where], size)
        if offset is None or size % _RELOCATION or _in_headers(elf, offset, offset + size):
            raise Malformed(
                f"{size} bytes of relocations at {dynamic[where]:#x}, which the file does not hold"
            )
        yield offset, size


def _in_headers(elf: Elf, start: int, end: int) -> bool:
    """The headers are going to change, and so would what they are taken for."""
    return any(start < last and first < end for first, last in ((0, HEADER.size), elf.program_headers))


def _from_chunk(elf: Elf, base: int, size: int, targets: Targets) -> Iterator[Pointer]:
    words = memoryview(elf.view.read(base, size)).cast("Q")
    start, end = targets.start, targets.end
    for index, target in enumerate(words[2::3]):
        if not start <= target < end or target not in targets:
            continue
        place, info = words[3 * index], words[3 * index + 1]
        if info & 0xFFFFFFFF != _REL_KIND[elf.machine]:
            if info >> 32:
                continue  # to a symbol: the addend is no address
            raise Refused(f"a relocation of kind {info:#x} at {place:#x} points at device code")
        addend = base + _RELOCATION * index + 16
        yield Pointer(place, target, (addend, *_copy_in_place(elf, place, target)))


def _copy_in_place(elf: Elf, place: int, target: int) -> tuple[int, ...]:
    """Some linkers write the addend into the word as well."""
    offset = elf.offset_of(place, WORD.size)
    if offset is None:
        return ()
    return (offset,) if elf.view.unpack(WORD, offset) == (target,) else ()


def _from_relr(elf: Elf, targets: Targets) -> Iterator[Pointer]:
    window, begin, load = b"", 0, elf.loads[0]
    for place in _relr_places(elf):
        if not begin <= place <= begin + len(window) - WORD.size:
            load, begin, window = _words_from(elf, place)
        (target,) = WORD.unpack_from(window, place - begin)
        if target in targets:
            yield Pointer(place, target, (place - load.slide,))


def _words_from(elf: Elf, place: int) -> tuple[Segment, int, bytes]:
    """A segment, and what the file holds of it from this address on."""
    load = elf.load_at(place)
    if load is None or not load.holds(place - load.slide, WORD.size):
        raise Malformed(f"a relocation at {place:#x}, which the file does not hold")
    offset = place - load.slide
    return load, place, elf.view.read(offset, min(_WORDS_AT_A_TIME, load.file_end - offset))


def _relr_places(elf: Elf) -> Iterator[int]:
    """DT_RELR: an even word is an address, an odd one a map of the 63 words behind the last."""
    address, size = elf.dynamic.get(_RELR), elf.dynamic.get(_RELRSZ, 0)
    if address is None or not size:
        return
    offset = elf.offset_of(address, size)
    if offset is None or size % WORD.size or size > _RELR_AT_MOST or _in_headers(elf, offset, offset + size):
        raise Malformed(f"{size} bytes of packed relocations at {address:#x}, which the file does not hold")
    following = 0
    for (entry,) in WORD.iter_unpack(elf.view.read(offset, size)):
        if entry & 1:
            yield from (following + WORD.size * bit for bit in range(63) if entry >> (bit + 1) & 1)
            following += 63 * WORD.size
            continue
        if entry < following:  # linkers sort them; were a word to come again, a small table had no end
            raise Malformed(f"packed relocations go back from {following:#x} to {entry:#x}")
        yield entry
        following = entry + WORD.size


def addresses_in_code(elf: Elf, targets: Targets) -> Iterator[int]:
    """Those of these addresses that an x86-64 instruction forms (`lea` or `mov` relative to itself).

    Bytes that only look like one are found too. What a section header calls data is not searched: some
    linkers put everything that is only read into the segment that holds the code.
    """
    for first, last in _code(elf):
        for offset in range(first, last, _CODE_AT_A_TIME):
            size = min(_CODE_AT_A_TIME + _LONGEST - 1, last - offset)
            load = next(load for load in elf.loads if load.holds(offset))
            formed = _addresses_formed(
                elf.view.read(offset, size), offset + load.slide, targets.start, targets.end
            )
            yield from (address for address in formed if address in targets)


def _code(elf: Elf) -> Iterator[Range]:
    data = merged(
        (section.offset, section.end)
        for section in elf.sections
        if section.in_file and section.loaded and not section.flags & EXECUTABLE_SECTION
    )
    for load in elf.loads:
        if load.flags & EXECUTABLE:
            yield from without((load.offset, load.file_end), data)


def _addresses_formed(code: bytes, address: int, start: int, end: int) -> Iterator[int]:
    lowest, highest = start - (address + len(code)), end - (address + _LONGEST)
    pattern = _instruction(lowest >> 24, highest >> 24)
    if pattern is None:
        return
    found = pattern.search(code)
    while found:
        position = found.start()
        displacement = int.from_bytes(code[position + 3 : position + _LONGEST], "little", signed=True)
        target = address + position + _LONGEST + displacement
        if start <= target < end:
            yield target
        found = pattern.search(code, position + 1)  # a look-alike may overlap the real one


def _instruction(lowest: int, highest: int) -> re.Pattern[bytes] | None:
    """`lea` and `mov` with a displacement whose top byte is in this range: few enough to look at each."""
    tops = bytes(top & 0xFF for top in range(max(lowest, -128), min(highest, 127) + 1))
    if not tops:
        return None
    choice = b"".join(re.escape(tops[index : index + 1]) for index in range(len(tops)))
    return re.compile(
        rb"[\x48\x4c\x49\x4d][\x8b\x8d][\x05\x0d\x15\x1d\x25\x2d\x35\x3d][\s\S]{3}[" + choice + rb"]"
    )


_SYMBOL = Struct("<IBBHQQ")
_SYMBOLS_AT_A_TIME = _SYMBOL.size * 65536


def symbols(elf: Elf, kind: SectionType, targets: Targets) -> Iterator[tuple[int, int]]:
    """Symbols whose value is such an address: the file offset of the value, and the value."""
    for section in elf.sections:
        if section.type == kind and section.in_file:
            yield from _symbols_of(elf, section, targets)


def _symbols_of(elf: Elf, section: Section, targets: Targets) -> Iterator[tuple[int, int]]:
    whole = section.size // _SYMBOL.size * _SYMBOL.size
    for base in range(section.offset, section.offset + whole, _SYMBOLS_AT_A_TIME):
        size = min(_SYMBOLS_AT_A_TIME, section.offset + whole - base)
        words = memoryview(elf.view.read(base, size)).cast("Q")
        for index, value in enumerate(words[1::3]):
            if targets.start <= value < targets.end and value in targets:
                yield base + _SYMBOL.size * index + 8, value


class References:
    """Who refers to the device code of a library, found in one pass over it for all sections."""

    def __init__(self, elf: Elf, sections: Iterable[Section], units: frozenset[int]) -> None:
        """`units` are addresses: those that a reference in the code is looked for."""
        self._elf, self._targets, self._units = elf, Targets(sections), units
        self.unknown = ""
        """Why the pointers are not known."""
        self._pointers: list[Pointer] = []
        try:
            self._pointers = sorted(pointers(elf, self._targets), key=_target)
        except Malformed:
            raise
        except Refused as unknown:
            self.unknown = str(unknown)

    def pointers_into(self, section: Section) -> list[Pointer]:
        first = bisect_left(self._pointers, section.addr, key=_target)
        return self._pointers[first : bisect_left(self._pointers, section.addr + section.size, key=_target)]

    def symbols_into(self, section: Section) -> list[tuple[int, int]]:
        """Symbols for debuggers: the file offset of the value, and the value."""
        first = bisect_left(self._symbols, section.addr, key=_value)
        return self._symbols[first : bisect_left(self._symbols, section.addr + section.size, key=_value)]

    @cached_property
    def _symbols(self) -> list[tuple[int, int]]:
        return sorted(symbols(self._elf, SectionType.SYMTAB, self._targets), key=_value)

    @cached_property
    def exported(self) -> frozenset[int]:
        return frozenset(value for _, value in symbols(self._elf, SectionType.DYNSYM, self._targets))

    @cached_property
    def in_code(self) -> frozenset[int]:
        return self._units.intersection(addresses_in_code(self._elf, self._targets))


def _target(pointer: Pointer) -> int:
    return pointer.target


def _value(symbol: tuple[int, int]) -> int:
    return symbol[1]
