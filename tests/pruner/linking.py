"""Lays out the ELF files that `tests.pruner.elves` describes, as linkers do."""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tests.pruner.elves import Device, Elf, Machine, Pointers, Spot, Tables

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELOCATION = struct.Struct("<QQq")

R, W, X = 4, 2, 1
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR = 1, 2, 3, 4, 6
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PROGBITS, SYMTAB, STRTAB, RELA, HASH, DYNAMIC, NOTE, NOBITS, DYNSYM, RELR = 1, 2, 3, 4, 5, 6, 7, 8, 11, 19
FUNCTION, OBJECT, SHARED_OBJECT = 0x12, 0x11, 3
INTERPRETER = b"/lib64/ld-linux-x86-64.so.2\0"
SONAME = "synthetic.so"


@dataclass
class Section:
    name: str
    kind: int
    access: int
    """R, W and X as of a segment; nothing for what is not loaded."""
    size: int
    body: Callable[[], bytes]
    """Asked when every section has its place."""
    align: int = 8
    link: str = ""
    info: int = 0
    entry: int = 0
    address: int = 0
    offset: int = 0

    @property
    def filed(self) -> int:
        """Bytes that it takes in the file."""
        return 0 if self.kind == NOBITS else self.size


@dataclass
class Segment:
    access: int
    sections: list[Section]
    offset: int = 0
    address: int = 0
    filed: int = 0
    size: int = 0


@dataclass(frozen=True)
class Built:
    """A file, and where its parts are."""

    data: bytes
    sections: dict[str, Section]
    units: tuple[tuple[int, ...], ...]
    """Addresses, for each section of device code."""
    wrappers: tuple[int, ...]
    """Addresses."""


def build(elf: Elf) -> Built:
    return _Linker(elf).link()


class _Linker:
    """Collects sections, gives them places, then asks each for its bytes."""

    def __init__(self, elf: Elf) -> None:
        self._elf = elf
        self._sections: dict[str, Section] = {}
        self._segments: list[Segment] = []
        self._wrapped = [
            Spot(number, unit)
            for number, device in enumerate(elf.devices)
            for unit in range(len(device.units))
            if device.wrappers and unit not in device.unpointed
        ]
        self._names = ["answer", "wrappers", *(f"unit{n}" for n in range(len(elf.exported)))]

    def link(self) -> Built:
        self._collect()
        tables = self._place()
        units = tuple(
            tuple(self._at(Spot(number, unit)) for unit in range(len(device.units)))
            for number, device in enumerate(self._elf.devices)
        )
        wrappers = tuple(self._wrapper(number) for number in range(len(self._wrapped)))
        return Built(self._write(tables), self._sections, units, wrappers)

    # What there is.

    def _collect(self) -> None:
        head = [*self._head(), self._filler(".rodata", R, self._elf.payload)]
        head += [self._device(device) for device in self._elf.devices]
        head.append(self._filler(".eh_frame", R, self._elf.payload))
        text = self._add(".text", PROGBITS, R | X, self._text, align=16)
        if self._elf.merged:
            self._segments = [Segment(R | X, [*head, text])]
        else:
            self._segments = [Segment(R, head), Segment(R | X, [text])]
        self._segments.append(Segment(R | W, list(self._data())))
        if self._elf.tables is Tables.LOADED:
            self._segments.append(Segment(R | W, [self._dynamic_strings()]))
        self._unloaded()
        for section in self._sections.values():
            section.size = section.size or len(section.body())

    def _add(
        self,
        name: str,
        kind: int,
        access: int,
        body: Callable[[], bytes],
        *,
        size: int = 0,
        align: int = 8,
        link: str = "",
        info: int = 0,
        entry: int = 0,
    ) -> Section:
        section = Section(name, kind, access, size, body, align, link, info, entry)
        self._sections[name] = section
        return section

    def _filler(self, name: str, access: int, size: int) -> Section:
        body = random.Random(name).randbytes(size)  # noqa: S311 - no secret
        return self._add(name, PROGBITS, access, lambda: body)

    def _head(self) -> Iterator[Section]:
        if self._elf.executable:
            yield self._add(".interp", PROGBITS, R, lambda: INTERPRETER, align=1)
        note = struct.pack("<III4s", 4, 20, 3, b"GNU") + bytes(range(20))
        yield self._add(".note.gnu.build-id", NOTE, R, lambda: note, align=4)
        yield self._add(".hash", HASH, R, self._hash, link=".dynsym", entry=4)
        yield self._add(
            ".dynsym", DYNSYM, R, self._dynamic_symbols, link=".dynstr", info=1, entry=SYMBOL.size
        )
        if self._elf.tables is not Tables.LOADED:
            yield self._dynamic_strings()
        if self._elf.pointers is Pointers.RELA:
            yield self._add(".rela.dyn", RELA, R, self._rela, link=".dynsym", entry=RELOCATION.size)
        else:
            yield self._add(".relr.dyn", RELR, R, self._relr, entry=8)

    def _dynamic_strings(self) -> Section:
        return self._add(".dynstr", STRTAB, R, lambda: _strings(*self._names, SONAME), align=1)

    def _device(self, device: Device) -> Section:
        body = b""
        for unit in device.units:
            body += bytes(-len(body) % device.align) + unit
        return self._add(device.section, PROGBITS, R, lambda: body, align=device.align)

    def _data(self) -> Iterator[Section]:
        yield self._add(".data.rel.ro", PROGBITS, R | W, lambda: self._words(self._elf.pointing))
        yield self._add(".dynamic", DYNAMIC, R | W, self._dynamic, link=".dynstr", entry=16)
        for number, device in enumerate(self._elf.devices):
            spots = [spot for spot in self._wrapped if spot.device == number]
            if spots:
                yield self._add(device.wrappers, PROGBITS, R | W, partial(self._wrappers, device, spots))
        yield self._filler(".data", R | W, 200)
        yield self._add(".bss", NOBITS, R | W, bytes, size=5000)

    def _unloaded(self) -> None:
        self._add(".comment", PROGBITS, 0, lambda: b"synthetic 1.0\0", align=1)
        if self._elf.debug:
            self._filler(".debug_info", 0, self._elf.debug)
        if self._elf.symbols:
            names = [f"inner{number}" for number in range(self._elf.symbols)]
            table = partial(self._symbols, names)
            self._add(".symtab", SYMTAB, 0, table, link=".strtab", info=1, entry=SYMBOL.size)
            self._add(".strtab", STRTAB, 0, lambda: _strings(*names), align=1)
        if self._elf.tables is not Tables.NONE:
            self._add(".shstrtab", STRTAB, 0, lambda: _strings(*self._sections), align=1)

    # Where it is.

    def _place(self) -> int:
        """Where the section headers go, when everything else has its place."""
        offset, address = HEADER.size + SEGMENT.size * len(self._program_headers()), 0
        appended = 1 if self._elf.tables is Tables.LOADED else 0
        for segment in self._segments[: len(self._segments) - appended]:
            offset, address = self._place_segment(segment, offset, address)
        for section in self._sections.values():
            if not section.access:
                section.offset = offset + -offset % section.align
                offset = section.offset + section.size
        for segment in self._segments[len(self._segments) - appended :]:
            offset, address = self._place_segment(segment, offset + -offset % 0x1000, address)
            segment.filed += -offset % 8 + SECTION.size * (1 + len(self._sections))
            segment.size = segment.filed
        return offset + -offset % 8

    def _place_segment(self, segment: Segment, offset: int, address: int) -> tuple[int, int]:
        """On pages of its own; in the file segments follow one another."""
        offset += -offset % self._elf.page if self._elf.spread and segment.access & W else 0
        if segment is self._segments[0]:
            address = offset
        else:
            address += -address % self._elf.page + offset % self._elf.page
            segment.offset, segment.address = offset, address
        for section in segment.sections:
            skip = -address % section.align
            section.offset, section.address = offset + skip, address + skip
            offset, address = section.offset + section.filed, section.address + section.size
        segment.filed, segment.size = offset - segment.offset, address - segment.address
        return offset, address

    def _at(self, spot: Spot) -> int:
        device = self._elf.devices[spot.device]
        position = 0
        for unit in device.units[: spot.unit]:
            position += len(unit)
            position += -position % device.align
        return self._address(device.section) + position + spot.offset

    def _address(self, name: str) -> int:
        """0 as long as it is not known: what asks then only counts bytes."""
        return self._sections[name].address if name in self._sections else 0

    def _wrapper(self, number: int) -> int:
        device = self._wrapped[number].device
        before = sum(spot.device == device for spot in self._wrapped[:number])
        return self._address(self._elf.devices[device].wrappers) + 24 * before

    def _slots(self) -> list[tuple[int, Spot]]:
        """The address of every pointer, and what it points at."""
        wrappers = [(self._wrapper(number) + 8, spot) for number, spot in enumerate(self._wrapped)]
        start = self._address(".data.rel.ro")
        return [*wrappers, *((start + 8 * number, spot) for number, spot in enumerate(self._elf.pointing))]

    # The bytes of sections.

    def _hash(self) -> bytes:
        """One bucket, in which every symbol leads to the next."""
        count = 1 + len(self._names)
        return struct.pack(f"<{3 + count}I", 1, count, 1, 0, *((n + 1) % count for n in range(1, count)))

    def _dynamic_symbols(self) -> bytes:
        table = self._wrapper(0) if self._wrapped else self._address(".data")
        values = [self._address(".text"), table, *(self._at(spot) for spot in self._elf.exported)]
        kinds = [FUNCTION, *(OBJECT for _ in values[1:])]
        return _symbol_table(self._names, kinds, values)

    def _symbols(self, names: Sequence[str]) -> bytes:
        return _symbol_table(names, [FUNCTION] * len(names), [self._address(".text")] * len(names))

    def _rela(self) -> bytes:
        kind = self._elf.machine.value[1]
        return b"".join(RELOCATION.pack(slot, kind, self._at(spot)) for slot, spot in self._slots())

    def _relr(self) -> bytes:
        """Addresses, each with a bitmap of the 63 words behind it; empty bitmaps make the length constant."""
        words: list[int] = []
        for slot in sorted(slot for slot, _ in self._slots()):
            bit = (slot - words[-2]) // 8 if words else 64
            if bit < 64:
                words[-1] |= 1 << bit
            else:
                words += [slot, 1]
        words += [1] * (2 * len(self._slots()) - len(words))
        return struct.pack(f"<{len(words)}Q", *words)

    def _words(self, spots: Sequence[Spot]) -> bytes:
        """What a pointer's own word holds: with RELR its value, with RELA nothing."""
        relr = self._elf.pointers is Pointers.RELR
        return b"".join(struct.pack("<Q", self._at(spot) if relr else 0) for spot in spots)

    def _wrappers(self, device: Device, spots: Sequence[Spot]) -> bytes:
        return b"".join(
            struct.pack("<II", device.magic, 1) + self._words([spot]) + bytes(8) for spot in spots
        )

    def _text(self) -> bytes:
        if self._elf.machine is Machine.AARCH64:
            return struct.pack("<II", 0x52800540, 0xD65F03C0) + bytes(self._elf.payload)
        body = self._start() if self._elf.executable else b"\xb8\x2a\0\0\0\xc3"
        for spot in self._elf.code:
            body += b"\x48\x8d\x05" + self._relative(self._at(spot), len(body) + 7) + b"\xc3"
        return body + b"\xcc" * self._elf.payload

    def _start(self) -> bytes:
        """mov rax, [first wrapper's pointer]; movzx edi, byte [rax]; mov eax, exit; syscall"""
        pointer = self._relative(self._wrapper(0) + 8, 7)
        return b"\x48\x8b\x05" + pointer + b"\x0f\xb6\x38\xb8\x3c\0\0\0\x0f\x05"

    def _relative(self, target: int, position: int) -> bytes:
        return struct.pack("<i", target - self._address(".text") - position)

    def _dynamic(self) -> bytes:
        relocations = {
            Pointers.RELA: ((7, self._address(".rela.dyn")), (8, 24 * len(self._slots())), (9, 24)),
            Pointers.RELR: ((36, self._address(".relr.dyn")), (35, 16 * len(self._slots())), (37, 8)),
        }
        tags = [
            (4, self._address(".hash")),
            (5, self._address(".dynstr")),
            (6, self._address(".dynsym")),
            (10, len(_strings(*self._names, SONAME))),
            (11, SYMBOL.size),
            (14, _strings(*self._names, SONAME).index(SONAME.encode())),
            *(relocations[self._elf.pointers] if self._slots() else ()),
            (0x6FFFFFFB, 0x08000000 if self._elf.executable else 0),
            (0, 0),
        ]
        return b"".join(struct.pack("<QQ", *tag) for tag in tags)

    # The file.

    def _program_headers(self) -> list[bytes]:
        headers = [
            SEGMENT.pack(
                PT_LOAD,
                part.access,
                part.offset,
                part.address,
                part.address,
                part.filed,
                part.size,
                self._elf.page,
            )
            for part in self._segments
        ]
        if self._elf.executable:
            size = SEGMENT.size * (len(headers) + 6)
            table = SEGMENT.pack(PT_PHDR, R, HEADER.size, HEADER.size, HEADER.size, size, size, 8)
            headers = [table, self._covering(PT_INTERP, R, ".interp"), *headers]
        return [
            *headers,
            self._covering(PT_DYNAMIC, R | W, ".dynamic"),
            self._covering(PT_NOTE, R, ".note.gnu.build-id"),
            self._covering(PT_GNU_RELRO, R, ".data.rel.ro", ".dynamic"),
            SEGMENT.pack(PT_GNU_STACK, R | W, 0, 0, 0, 0, 0, 16),
        ]

    def _covering(self, kind: int, access: int, *names: str) -> bytes:
        first, last = self._sections[names[0]], self._sections[names[-1]]
        size = last.address + last.size - first.address
        return SEGMENT.pack(kind, access, first.offset, first.address, first.address, size, size, first.align)

    def _section_headers(self) -> list[bytes]:
        names = list(self._sections)
        headers = [bytes(SECTION.size)]
        for part in self._sections.values():
            flags = (part.access & R) >> 1 | (part.access & W) >> 1 | (part.access & X) << 2
            link = names.index(part.link) + 1 if part.link else 0
            name = _strings(*names).index(f"\0{part.name}\0".encode()) + 1
            headers.append(
                SECTION.pack(
                    name,
                    part.kind,
                    flags,
                    part.address,
                    part.offset,
                    part.size,
                    link,
                    part.info,
                    part.align,
                    part.entry,
                )
            )
        return headers

    def _write(self, tables: int) -> bytes:
        segments = self._program_headers()
        sections = [] if self._elf.tables is Tables.NONE else self._section_headers()
        entry = self._address(".text") if self._elf.executable else 0
        header = HEADER.pack(
            b"\x7fELF\2\1\1" + bytes(9), SHARED_OBJECT, self._elf.machine.value[0], 1, entry, HEADER.size,
            tables if sections else 0, 0, HEADER.size, SEGMENT.size, len(segments), SECTION.size,
            len(sections), len(sections) - 1 if sections else 0,
        )  # fmt: skip
        data = bytearray(tables + SECTION.size * len(sections))
        pieces = [(0, header + b"".join(segments)), (tables, b"".join(sections))]
        pieces += [(part.offset, part.body()) for part in self._sections.values() if part.filed]
        for offset, body in pieces:
            data[offset : offset + len(body)] = body
        return bytes(data)


def _strings(*names: str) -> bytes:
    return "\0".join(["", *names, ""]).encode()


def _symbol_table(names: Sequence[str], kinds: Sequence[int], values: Sequence[int]) -> bytes:
    table, position = bytes(SYMBOL.size), 1
    for name, kind, value in zip(names, kinds, values, strict=True):
        table += SYMBOL.pack(position, kind, 0, 1, value, 8)
        position += len(name) + 1
    return table
