"""What a loader makes of an ELF file, read by a few lines that share nothing with the pruner's."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import zstandard

DEVICE_SECTIONS = (".hip_fatbin", ".nv_fatbin", "__nv_relfatbin")
_SHRINKING = (*DEVICE_SECTIONS, ".cask_resource")
_WRAPPERS = (".hipFatBinSegment", ".nvFatBinSegment")
_WRAPPER_BYTES = 24
_HEADER_BYTES = 64
_SYMBOL_BYTES = 24
_PAGE = 4096
_PAGE_SIZES = {62: (4096,), 183: (4096, 16384, 65536)}
"""ELF's number of a machine -> its sizes of pages: x86-64 and aarch64."""
_LOAD, _DYNAMIC = 1, 2
_SYMTAB, _RELA, _RELASZ = 6, 7, 8
_NOBITS = 8
_RELATIVE = (8, 1027)
"""R_X86_64_RELATIVE, R_AARCH64_RELATIVE."""
_ABSOLUTE = (1, 257)
"""R_X86_64_64, R_AARCH64_ABS64: to a symbol, of which those of the file itself count here."""


@dataclass(frozen=True)
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int

    @property
    def loaded(self) -> bool:
        return bool(self.flags & 2)


@dataclass(frozen=True)
class Segment:
    kind: int
    flags: int
    offset: int
    address: int
    filled: int
    size: int
    align: int


@dataclass(frozen=True)
class Relocation:
    place: int
    entry: int
    kind: int
    symbol: int
    addend: int


class Memory:
    """The image of a file at address 0, before and after its relative relocations."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self._phoff, self._shoff = struct.unpack_from("<QQ", self.data, 32)
        self._phnum, _, self._shnum, self._names_at = struct.unpack_from("<HHHH", self.data, 56)

    @cached_property
    def segments(self) -> list[Segment]:
        rows = struct.iter_unpack("<IIQQQQQQ", self._table(self._phoff, self._phnum, 56))
        return [
            Segment(kind, flags, offset, address, filled, size, align)
            for kind, flags, offset, address, _, filled, size, align in rows
        ]

    @cached_property
    def headers(self) -> list[Section]:
        """The section headers. One with holes may be told of in pieces, which all bear its name."""
        rows = list(struct.iter_unpack("<IIQQQQIIQQ", self._table(self._shoff, self._shnum, 64)))
        names = self.data[rows[self._names_at][4] :]
        return [
            Section(names[at : names.index(b"\0", at)].decode(), kind, flags, address, offset, size)
            for at, kind, flags, address, offset, size, *_ in rows
        ]

    @cached_property
    def sections(self) -> dict[str, Section]:
        """Name -> section, or its first piece."""
        return {section.name: section for section in reversed(self.headers[1:])}

    def _table(self, offset: int, count: int, size: int) -> bytes:
        return self.data[offset : offset + count * size]

    def _loads(self) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.kind == _LOAD)

    @cached_property
    def pages(self) -> dict[int, int]:
        """Page -> what may be done with it."""
        return {
            page: segment.flags
            for segment in self._loads()
            for page in range(segment.address // _PAGE, -(-(segment.address + segment.size) // _PAGE))
        }

    @cached_property
    def loaded(self) -> bytearray:
        """Every byte by its address, as the file holds it."""
        image = bytearray(max(segment.address + segment.size for segment in self._loads()))
        for segment in self._loads():
            content = self.data[segment.offset : segment.offset + segment.filled]
            assert len(content) == segment.filled, f"segment at {segment.address:#x} ends past the file"
            image[segment.address : segment.address + segment.filled] = content
        return image

    def mapped(self, page: int) -> bytearray:
        """The image as a loader with pages of this size makes it: whole pages of the file, one segment after
        another, then zeros from where a segment's content ends to where its memory does."""
        image = bytearray(len(self.loaded) + page)
        for segment in self._loads():
            start, offset = (each // page * page for each in (segment.address, segment.offset))
            assert segment.address - start == segment.offset - offset, segment
            content = segment.address + segment.filled
            end = -(-content // page) * page
            image[start:end] = self.data[offset : offset + end - start].ljust(end - start, b"\0")
            if segment.size > segment.filled:
                last = -(-(segment.address + segment.size) // page) * page
                image[content:last] = bytes(last - content)
        return image[: len(self.loaded)]

    @cached_property
    def relocated(self) -> bytearray:
        """The same after the loader has put the pointers to its own parts in place."""
        image = bytearray(self.loaded)
        for each in self.relocations:
            if each.kind in _RELATIVE:
                struct.pack_into("<Q", image, each.place, each.addend)
            elif each.kind in _ABSOLUTE and (value := self._symbol(each.symbol)):
                struct.pack_into("<Q", image, each.place, value + each.addend)
        return image

    def _symbol(self, index: int) -> int:
        return int(struct.unpack_from("<Q", self.loaded, self.dynamic[_SYMTAB] + index * 24 + 8)[0])

    @cached_property
    def dynamic(self) -> dict[int, int]:
        place = next(segment for segment in self.segments if segment.kind == _DYNAMIC)
        rows = struct.iter_unpack("<QQ", self.loaded[place.address : place.address + place.size // 16 * 16])
        return {tag: value for tag, value in rows if tag}

    @cached_property
    def relocations(self) -> list[Relocation]:
        start = self.dynamic.get(_RELA, 0)
        rows = range(start, start + self.dynamic.get(_RELASZ, 0), 24)
        found = []
        for entry in rows:
            place, info, addend = struct.unpack_from("<QQq", self.loaded, entry)
            found.append(Relocation(place, entry, info & 0xFFFFFFFF, info >> 32, addend))
        return found

    @cached_property
    def wrappers(self) -> list[int]:
        """Where the host's records of device code stand."""
        places = (self.sections[name] for name in _WRAPPERS if name in self.sections)
        return [
            address
            for section in places
            for address in range(section.address, section.address + section.size, _WRAPPER_BYTES)
        ]

    @cached_property
    def records(self) -> dict[int, int]:
        """Address of a record -> address of the unit that it leads to."""
        return {
            wrapper: int(struct.unpack_from("<Q", self.relocated, wrapper + 8)[0])
            for wrapper in self.wrappers
        }

    @cached_property
    def units(self) -> dict[int, bytes]:
        """Address -> a bundle or a region, in the order of the records."""
        starts = sorted(set(self.records.values()))
        ends = dict(zip(starts, [*starts[1:], len(self.relocated)], strict=True))
        return {start: _whole(bytes(self.relocated[start : ends[start]])) for start in self.records.values()}

    @property
    def in_the_open(self) -> bool:
        """Whether the units are bundles that are not compressed, which comgr's lookup reads."""
        return all(unit.startswith(b"__CLANG_OFFLOAD_BUNDLE__") for unit in self.units.values())


def _whole(data: bytes) -> bytes:
    """What belongs to the unit that begins here. A raw bundle's reader does not mind more."""
    if data.startswith(bytes.fromhex("50ed55ba")):
        return data[: 16 + struct.unpack_from("<Q", data, 8)[0]]
    if data.startswith(b"CCOB"):
        return data[: _compressed_size(data)]
    return data


def _compressed_size(data: bytes) -> int:
    (version,) = struct.unpack_from("<H", data, 4)
    if version == 1:
        head = 20
        frame = zstandard.ZstdDecompressor().decompressobj()
        frame.decompress(data[head:])
        return len(data) - len(frame.unused_data)
    return int(struct.unpack_from({2: "<I", 3: "<Q"}[version], data, 8)[0])


def compare(original: Memory, pruned: Memory, also: Iterable[tuple[int, int]] = ()) -> None:
    """Every loaded byte outside of device code is where it was, but for what must say where things are, and
    what `also` may differ."""
    assert pruned.pages == original.pages
    first, second = bytearray(original.loaded), bytearray(pruned.loaded)
    assert len(first) == len(second)
    for start, end in (*_free(original), *also):
        first[start:end] = second[start:end] = bytes(end - start)
    if first != second:
        at = next(index for index, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1])
        raise AssertionError(
            f"the byte at {at:#x} is {second[at]:#x}, was {first[at]:#x}: {_where(original, at)}"
        )
    _same_relocations(original, pruned)
    _same_sections(original, pruned)
    _same_on_every_page_size(original, pruned)


def _same_sections(original: Memory, pruned: Memory) -> None:
    """Section headers, which debuggers and tools go by, tell of the same memory; code's may have holes."""
    before, after = (
        {name: section for name, section in memory.sections.items() if section.loaded}
        for memory in (original, pruned)
    )
    assert after.keys() == before.keys()
    for name, section in after.items():
        size = section.size if name in _SHRINKING else before[name].size
        assert replace(before[name], offset=section.offset, size=size) == section
    for piece in pruned.headers:
        if piece.loaded and piece.kind != _NOBITS:
            content = pruned.data[piece.offset : piece.offset + piece.size]
            assert content == pruned.loaded[piece.address : piece.address + piece.size], piece


def _same_on_every_page_size(original: Memory, pruned: Memory) -> None:
    """Wherever the original can be loaded: no segment covers another's bytes with its last or first page."""
    (machine,) = struct.unpack_from("<H", original.data, 18)
    for page in _PAGE_SIZES[machine]:
        if all(segment.align % page == 0 for segment in original._loads()):
            image = pruned.mapped(page)
            for segment in pruned._loads():
                span = slice(segment.address, segment.address + segment.size)
                assert image[span] == pruned.loaded[span], f"pages of {page}: {segment}"


def _free(memory: Memory) -> Iterable[tuple[int, int]]:
    """What may differ: device code, the headers, and the pointers from the records to the code."""
    yield 0, _HEADER_BYTES
    for segment in memory._loads():
        for offset, size in ((memory._phoff, memory._phnum * 56), (memory._shoff, memory._shnum * 64)):
            if segment.offset <= offset < segment.offset + segment.filled:
                start = offset - segment.offset + segment.address
                yield start, start + size
    for name in DEVICE_SECTIONS:
        if name in memory.sections:
            yield memory.sections[name].address, memory.sections[name].address + memory.sections[name].size
    pointers = {wrapper + 8 for wrapper in memory.wrappers}
    for pointer in pointers:
        yield pointer, pointer + 8
    for relocation in memory.relocations:
        if relocation.place in pointers:
            yield relocation.entry + 16, relocation.entry + 24


def _same_relocations(original: Memory, pruned: Memory) -> None:
    """Nothing but the records' pointers to code leads elsewhere."""
    pointers = {wrapper + 8 for wrapper in original.wrappers}
    for old, new in zip(original.relocations, pruned.relocations, strict=True):
        free = replace(new, addend=old.addend) if old.place in pointers else new
        assert free == old, f"{old} became {new}"


def _where(memory: Memory, address: int) -> str:
    inside = (
        section.name
        for section in memory.sections.values()
        if section.loaded and section.address <= address < section.address + section.size
    )
    return next(inside, "outside of every section")


def same_for_tools(original: Memory, pruned: Memory) -> None:
    """What is not loaded (symbols, debug data, comments) is the same, but that symbols follow their units."""
    assert unloaded(pruned) == {
        name: _symbols_moved(original, pruned) if name == ".symtab" else content
        for name, content in unloaded(original).items()
    }


def _symbols_moved(original: Memory, pruned: Memory) -> bytes:
    units = dict(zip(original.units, pruned.units, strict=True))
    names = [section.name for section in original.headers]
    table = bytearray(unloaded(original)[".symtab"])
    for entry in range(0, len(table), _SYMBOL_BYTES):
        section, value = struct.unpack_from("<HQ", table, entry + 6)
        if section < len(names) and names[section] in DEVICE_SECTIONS:
            struct.pack_into("<Q", table, entry + 8, units.get(value, value))
    return bytes(table)


def unloaded(memory: Memory) -> dict[str, bytes]:
    """What only tools read: symbols, debug data, comments."""
    return {
        section.name: memory.data[section.offset : section.offset + section.size]
        for section in memory.sections.values()
        if not section.loaded and section.kind != _NOBITS and section.name != ".shstrtab"
    }
