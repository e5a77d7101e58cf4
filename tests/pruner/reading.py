"""A small reader of ELF files and device code for the tests, which shares no code with the pruner: what the
loader would map where, which words it makes pointers, and what stands behind them."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from mmap import mmap

_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_RELATIVE = {62: 8, 183: 1027}
_MOST = 1 << 29
"""No library has so much of anything; a file that says so is lying."""
_WINDOW = 4096
_REGION_MAGIC = b"\x50\xed\x55\xba"

PT_LOAD, PT_DYNAMIC, PT_PHDR = 1, 2, 6
NOBITS, ALLOC = 8, 2
BURIED_SECTIONS = frozenset({".cask_resource", ".ldata"})
DEVICE_SECTIONS = frozenset({".hip_fatbin", ".nv_fatbin", "__nv_relfatbin", *BURIED_SECTIONS})

Data = bytes | mmap
Read = Callable[[int, int], bytes]
"""So many bytes at an address."""
Objects = list[tuple[str, bytes]]
"""Code with its label, in order."""


class Unreadable(Exception):  # noqa: N818 - an answer, not a fault
    """There is nothing here that can be read."""


@dataclass(frozen=True)
class Segment:
    kind: int
    access: int
    offset: int
    address: int
    filed: int
    size: int
    align: int


@dataclass(frozen=True)
class Section:
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass(frozen=True)
class Mapping:
    """Pages of memory, and where in the file they come from; without an offset they are zeros."""

    start: int
    end: int
    offset: int | None
    access: int


class Image:
    """A file as the loader sees it. What the loader maps last is what counts."""

    def __init__(self, data: Data, page: int = 0x1000) -> None:
        self.data = data
        self.page = page
        fields = struct.unpack_from("<HHIQQQIHHHHHH", data, 16)
        self.kind, self.machine = fields[0], fields[1]
        self.segments_at, self.sections_at = fields[4], fields[5]
        self.segment_count, self.section_count, self._names = fields[9], fields[11], fields[12]

    @cached_property
    def segments(self) -> list[Segment]:
        rows = (
            _SEGMENT.unpack_from(self.data, self.segments_at + _SEGMENT.size * number)
            for number in range(self.segment_count)
        )
        return [Segment(row[0], row[1], row[2], row[3], *row[5:]) for row in rows]

    @cached_property
    def sections(self) -> list[Section]:
        if not self.sections_at:
            return []
        rows = [
            _SECTION.unpack_from(self.data, self.sections_at + _SECTION.size * number)
            for number in range(self.section_count)
        ]
        start = rows[self._names][4]
        return [Section(self._string(start + row[0]), row[1], row[2], row[3], row[4], row[5]) for row in rows]

    def _string(self, offset: int) -> str:
        end = self.data.find(b"\0", offset)
        return self.data[offset:end].decode("latin-1")

    @cached_property
    def mappings(self) -> list[Mapping]:
        """What glibc's loader does with each segment, in order."""
        found = []
        for part in self.segments:
            if part.kind != PT_LOAD:
                continue
            filed, end = part.address + part.filed, part.address + part.size
            start = part.address - part.address % self.page
            whole = filed + -filed % self.page
            found.append(Mapping(start, whole, part.offset - part.offset % self.page, part.access))
            if end > filed:
                found.append(Mapping(filed, max(whole, end + -end % self.page), None, part.access))
        return found

    def mapping(self, address: int) -> Mapping | None:
        return next((part for part in reversed(self.mappings) if part.start <= address < part.end), None)

    def offset(self, address: int) -> int | None:
        """Where in the file the byte at an address comes from."""
        part = self.mapping(address)
        return None if part is None or part.offset is None else part.offset + address - part.start

    def borders(self) -> set[int]:
        return {border for part in self.mappings for border in (part.start, part.end)}

    def read(self, address: int, size: int) -> bytes:
        if not 0 <= size <= _MOST:
            raise Unreadable(f"{size} bytes")
        end = address + size
        cuts = sorted({address, end, *(border for border in self.borders() if address < border < end)})
        return b"".join(self._stretch(first, last) for first, last in pairwise(cuts))

    def _stretch(self, start: int, end: int) -> bytes:
        part = self.mapping(start)
        if part is None:
            raise Unreadable(f"nothing is mapped at {start:#x}")
        if part.offset is None:
            return bytes(end - start)
        offset = part.offset + start - part.start
        found = self.data[offset : offset + end - start]
        if len(found) < end - start and offset + end - start > len(self.data) + -len(self.data) % self.page:
            raise Unreadable(f"the file ends before {end:#x}")
        return found.ljust(end - start, b"\0")

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    @cached_property
    def dynamic(self) -> dict[int, int]:
        """Up to the entry that ends it: the loader asks for no size."""
        tags: dict[int, int] = {}
        for start in (part.address for part in self.segments if part.kind == PT_DYNAMIC and part.filed):
            address = start
            while tag := self.word(address):
                tags.setdefault(tag, self.word(address + 8))
                address += 16
        return tags

    @cached_property
    def pointers(self) -> dict[int, int]:
        """Every word that the loader adds its base to, and its value before that."""
        found = {slot: self.word(slot) for slot in self._packed_slots()}
        for slot, addend in self.addends:
            found[slot] = self.word(addend)
        return found

    @property
    def targets(self) -> set[int]:
        """What any relocation points at, also where another one has the last word."""
        return {*self.pointers.values(), *(self.word(addend) for _, addend in self.addends)}

    @cached_property
    def addends(self) -> list[tuple[int, int]]:
        """For each RELATIVE relocation, the address of its word and the address of its addend."""
        start, size = self.dynamic.get(7, 0), self.dynamic.get(8, 0)
        rows = struct.iter_unpack("<QQq", self.read(start, size // 24 * 24))
        kind = _RELATIVE.get(self.machine)
        return [(row[0], start + 24 * n + 16) for n, row in enumerate(rows) if row[1] & 0xFFFFFFFF == kind]

    def _packed_slots(self) -> Iterator[int]:
        start, size = self.dynamic.get(36, 0), self.dynamic.get(35, 0)
        base = 0
        for (word,) in struct.iter_unpack("<Q", self.read(start, size // 8 * 8)):
            if word & 1:
                yield from (base + 8 * bit for bit in range(63) if word >> bit + 1 & 1)
                base += 63 * 8
            else:
                yield word
                base = word + 8

    @cached_property
    def device_sections(self) -> list[Section]:
        """Those that are loaded from where they say."""
        return [
            part
            for part in self.sections
            if part.name in DEVICE_SECTIONS
            and part.kind != NOBITS
            and self.offset(part.address) == part.offset
        ]


@dataclass(frozen=True)
class Unit:
    address: int
    size: int
    objects: Objects


def unit(read: Read, address: int) -> Unit:
    """The bundle or region that begins at an address."""
    start = read(address, 4)
    for magic, reader in (
        (b"__CL", _bundle),
        (b"CCOB", _compressed),
        (_REGION_MAGIC, _region),
    ):
        if start == magic:
            size, objects = reader(read, address)
            return Unit(address, size, objects)
    raise Unreadable(f"no device code at {address:#x}")


def _bundle(read: Read, address: int) -> tuple[int, Objects]:
    if read(address, 24) != b"__CLANG_OFFLOAD_BUNDLE__":
        raise Unreadable(f"no bundle at {address:#x}")
    (count,) = struct.unpack("<Q", read(address + 24, 8))
    position, end = 32, 32
    objects = []
    for _ in range(min(count, 10_000)):
        offset, size, length = struct.unpack("<QQQ", read(address + position, 24))
        label = read(address + position + 24, length).decode("latin-1")
        position += 24 + length
        end = max(end, position, offset + size if size else 0)
        objects.append(
            (label.partition("amdhsa--")[2] or "host", read(address + offset, size) if size else b"")
        )
    return end, objects


def _compressed(read: Read, address: int) -> tuple[int, Objects]:
    version, method = struct.unpack("<HH", read(address + 4, 4))
    layout = {2: (24, "<II"), 3: (32, "<QQ")}.get(version)
    if layout is None:
        raise Unreadable(f"CCOB {version}")
    header, sizes = layout
    total, plain = struct.unpack(sizes, read(address + 8, struct.calcsize(sizes)))
    packed = read(address + header, total - header)
    try:
        raw = _unpack(method, packed, plain)
    except Exception as error:
        raise Unreadable(str(error)) from error
    return total, _bundle(lambda offset, size: raw[offset : offset + size], 0)[1]


def _unpack(method: int, packed: bytes, plain: int) -> bytes:
    if method == 0:
        return zlib.decompress(packed)
    import zstandard

    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=plain)


def _region(read: Read, address: int) -> tuple[int, Objects]:
    _, version, header, size = struct.unpack("<IHHQ", read(address, 16))
    if version != 1 or header != 16:
        raise Unreadable(f"region of version {version}")
    position, end = address + 16, address + 16 + size
    objects = []
    while position < end:
        kind, _, head, body = struct.unpack("<HHIQ", read(position, 16))
        number, flags = struct.unpack("<I8xQ", read(position + 28, 20))
        variant = "a" if flags & 0x100000 else "f" if flags & 0x200000 else ""
        name = {1: "compute", 2: "sm"}.get(kind, f"kind{kind}")
        if head + body <= 0:
            raise Unreadable("an empty entry")
        objects.append((f"{name}_{number}{variant}", read(position, head + body)))
        position += head + body
    return 16 + size, objects


def walk(image: Image, section: Section) -> Iterator[Unit]:
    """Units that follow one another with zeros between, up to what is none; where they lie between other
    data, all that can be read."""
    address: int | None = section.address
    while address is not None and address < section.end:
        window = image.read(address, min(_WINDOW, section.end - address))
        if window[:4] == bytes(4):
            address += (len(window) - len(window.lstrip(b"\0"))) // 4 * 4 or 4
            continue
        try:
            found = unit(image.read, address)
        except Unreadable:
            address = _next_region(image, section, address + 1)
            continue
        yield found
        address += found.size + -found.size % 4


def _next_region(image: Image, section: Section, address: int) -> int | None:
    if section.name not in BURIED_SECTIONS:
        return None
    start, end = section.offset, section.offset + section.size
    offset = image.data.find(_REGION_MAGIC, start + address - section.address, end)
    return section.address + offset - start if offset >= 0 else None
