"""An ELF file as its headers describe it, checked as far as the rest relies on it."""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from struct import Struct

from pruner.elf.filemap import apart
from pruner.errors import Malformed, NotOurs, Refused
from pruner.view import View

HEADER = Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = Struct("<IIQQQQQQ")
SECTION_HEADER = Struct("<IIQQQQIIQQ")
DYNAMIC_ENTRY = Struct("<qQ")
_MAGIC = b"\x7fELF"
PAGE = 4096
LARGEST_PAGE = 65536
_HUGE_PAGE = 1 << 30
READABLE, EXECUTABLE = 4, 1
ALLOCATED, EXECUTABLE_SECTION = 2, 4
_MOST_SECTIONS = 0xFF00
_NAMES_AT_MOST = 16 << 20
_DYNAMIC_AT_MOST = 1 << 20


class Machine(IntEnum):
    X86_64 = 62
    AARCH64 = 183


class SegmentType(IntEnum):
    """Every kind whose meaning survives here; a file with another one is left alone."""

    NULL = 0
    LOAD = 1
    DYNAMIC = 2
    INTERP = 3
    NOTE = 4
    PHDR = 6
    TLS = 7
    GNU_EH_FRAME = 0x6474E550
    GNU_STACK = 0x6474E551
    GNU_RELRO = 0x6474E552
    GNU_PROPERTY = 0x6474E553
    GNU_SFRAME = 0x6474E554


class SectionType(IntEnum):
    NULL = 0
    PROGBITS = 1
    SYMTAB = 2
    RELA = 4
    NOBITS = 8
    REL = 9
    DYNSYM = 11


@dataclass(frozen=True)
class Segment:
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int

    @property
    def file_end(self) -> int:
        return self.offset + self.filesz

    @property
    def mem_end(self) -> int:
        return self.vaddr + self.memsz

    @property
    def slide(self) -> int:
        """What to add to a file offset to get an address."""
        return self.vaddr - self.offset

    def holds(self, offset: int, size: int = 1) -> bool:
        return self.offset <= offset and offset + size <= self.file_end

    def within(self, load: "Segment") -> bool:
        """Whether it lies in the memory of this one, which ends with a page."""
        return load.vaddr <= self.vaddr and self.mem_end <= load.mem_end + -load.mem_end % load.align

    def pack(self) -> bytes:
        return PROGRAM_HEADER.pack(
            self.type, self.flags, self.offset, self.vaddr, self.paddr, self.filesz, self.memsz, self.align
        )


@dataclass(frozen=True)
class Section:
    name_at: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entsize: int
    name: str = ""

    @property
    def in_file(self) -> bool:
        return self.type not in (SectionType.NULL, SectionType.NOBITS) and self.size > 0

    @property
    def loaded(self) -> bool:
        return bool(self.flags & ALLOCATED)

    @property
    def end(self) -> int:
        return self.offset + self.size

    @property
    def slide(self) -> int:
        """What to add to a file offset to get the address that it says it has."""
        return self.addr - self.offset

    def pack(self) -> bytes:
        return SECTION_HEADER.pack(
            self.name_at,
            self.type,
            self.flags,
            self.addr,
            self.offset,
            self.size,
            self.link,
            self.info,
            self.align,
            self.entsize,
        )


DROPPED = Section(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
"""What stands in the place of a section that is gone, so that the others keep their numbers."""


def _address(segment: Segment) -> int:
    return segment.vaddr


@dataclass(frozen=True)
class Elf:
    view: View
    type: int
    machine: Machine
    entry: int
    phoff: int
    shoff: int
    names_index: int
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    header: bytes = field(repr=False)

    @cached_property
    def loads(self) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.type == SegmentType.LOAD)

    @cached_property
    def executable(self) -> bool:
        """A program, not a library: the kernel itself loads it."""
        return any(segment.type == SegmentType.INTERP for segment in self.segments)

    @property
    def program_headers(self) -> tuple[int, int]:
        return self.phoff, self.phoff + PROGRAM_HEADER.size * len(self.segments)

    @property
    def section_headers(self) -> tuple[int, int]:
        return self.shoff, self.shoff + SECTION_HEADER.size * len(self.sections)

    def load_at(self, address: int) -> Segment | None:
        """The segment whose bytes in the file are mapped at this address."""
        before = bisect_right(self._filled, address, key=_address)
        load = self._filled[before - 1] if before else None
        return load if load and address < load.vaddr + load.filesz else None

    @cached_property
    def _filled(self) -> list[Segment]:
        """Segments with something in the file. A thousand, maybe, and millions of questions."""
        return sorted((load for load in self.loads if load.filesz), key=_address)

    def offset_of(self, address: int, size: int = 1) -> int | None:
        """Where the file holds the `size` bytes at this address, if it holds them in one piece."""
        load = self.load_at(address)
        if load is None or address + size > load.vaddr + load.filesz:
            return None
        return address - load.slide

    @cached_property
    def dynamic(self) -> dict[int, int]:
        """The first value of each tag of the dynamic section, up to the entry that ends it for the loader."""
        tags: dict[int, int] = {}
        for segment in self.segments:
            if segment.type == SegmentType.DYNAMIC and segment.filesz:
                for tag, value in DYNAMIC_ENTRY.iter_unpack(self._dynamic_section(segment)):
                    if tag == 0:
                        break
                    tags.setdefault(tag, value)
                else:
                    raise Malformed("a dynamic section that does not end")
        return tags

    def _dynamic_section(self, segment: Segment) -> bytes:
        offset = self.offset_of(segment.vaddr, segment.filesz)
        if offset is None or segment.filesz > _DYNAMIC_AT_MOST:
            raise Malformed(f"{segment.filesz} bytes of dynamic section at {segment.vaddr:#x}")
        return self.view.read(offset, segment.filesz // DYNAMIC_ENTRY.size * DYNAMIC_ENTRY.size)


def read_elf(view: View) -> Elf:
    """The headers of a 64-bit file for a host that this knows."""
    if view.read(0, min(view.size, len(_MAGIC))) != _MAGIC:
        raise NotOurs("not an ELF file")
    if view.size < HEADER.size:
        raise Malformed("truncated: too short for an ELF header")
    header = view.read(0, HEADER.size)
    (ident, kind, machine, _, entry, phoff, shoff, _, _, phsize, phnum, shsize, shnum, names) = HEADER.unpack(
        header
    )
    _check_ident(ident, machine)
    segments = _segments(view, phoff, phsize, phnum)
    sections = _sections(view, shoff, shsize, shnum, names)
    return Elf(
        view,
        kind,
        Machine(machine),
        entry,
        phoff,
        shoff if sections else 0,
        names,
        segments,
        sections,
        header,
    )


def _check_ident(ident: bytes, machine: int) -> None:
    if ident[4] != 2:
        raise NotOurs("a 32-bit ELF file")
    if ident[5] != 1:
        raise NotOurs("a big-endian ELF file")
    if machine not in Machine.__members__.values():
        raise NotOurs(f"built for another machine (ELF machine {machine}), not x86-64 or aarch64")


def _segments(view: View, offset: int, size: int, count: int) -> tuple[Segment, ...]:
    if count == 0:
        return ()
    if size != PROGRAM_HEADER.size or count == 0xFFFF:
        raise Malformed(f"{count} program headers of {size} bytes")
    table = view.read(offset, size * count)
    return tuple(Segment(*fields) for fields in PROGRAM_HEADER.iter_unpack(table))


def _sections(view: View, offset: int, size: int, count: int, names: int) -> tuple[Section, ...]:
    if offset == 0 or count == 0:
        return ()
    if size != SECTION_HEADER.size or count >= _MOST_SECTIONS or names >= count:
        raise Malformed(f"{count} section headers of {size} bytes, names in number {names}")
    table = view.read(offset, size * count)
    sections = [Section(*fields) for fields in SECTION_HEADER.iter_unpack(table)]
    strings = _section_names(view, sections[names])
    for section in sections:
        if section.in_file and section.end > view.size:
            raise Malformed(f"truncated: a section ends at {section.end:#x}, the file at {view.size:#x}")
    return tuple(replace(section, name=_string(strings, section.name_at)) for section in sections)


def _section_names(view: View, section: Section) -> bytes:
    if not section.in_file or section.size > _NAMES_AT_MOST:
        raise Malformed(f"{section.size} bytes of section names")
    return view.read(section.offset, section.size)


def _string(strings: bytes, start: int) -> str:
    if start >= len(strings):
        raise Malformed(f"a section's name at {start:#x} of {len(strings):#x} bytes of names")
    end = strings.find(b"\0", start)
    name = strings[start : end if end >= 0 else len(strings)].decode("latin-1")
    return name if name.isprintable() else ascii(name)  # it stands in messages


_OTHER_KINDS = {1: "an object file", 2: "a program at a fixed address (not PIE)", 4: "a core dump"}


def check_loadable(elf: Elf) -> None:
    """Refuse what the rest does not know how to keep loadable."""
    if elf.type != 3:
        kind = _OTHER_KINDS.get(elf.type, f"of ELF type {elf.type}")
        raise Refused(f"{kind}: only shared objects and PIE programs")
    if not elf.loads:
        raise Malformed("nothing in it is ever loaded")
    for segment in elf.segments:
        _check_segment(elf.view, segment)
    for segment in elf.segments:
        if segment.type == SegmentType.GNU_RELRO and not any(map(segment.within, elf.loads)):
            raise Malformed(f"memory to be sealed at {segment.vaddr:#x}, where nothing is loaded")
    for before, after in pairwise(elf.loads):
        if after.vaddr < before.mem_end:
            raise Malformed(f"segments overlap in memory at {after.vaddr:#x}")
    if not apart((load.offset, load.file_end) for load in elf.loads):
        raise Refused("segments share bytes of the file")


def _check_segment(view: View, segment: Segment) -> None:
    if segment.type not in SegmentType.__members__.values():
        raise Refused(f"a program header of unknown type {segment.type:#x}")
    if segment.type == SegmentType.NULL:
        return
    if segment.filesz and segment.file_end > view.size:
        raise Malformed(f"truncated: a segment ends at {segment.file_end:#x}, the file at {view.size:#x}")
    if segment.type == SegmentType.LOAD:
        _check_load(segment)


def _check_load(segment: Segment) -> None:
    if segment.align % PAGE or segment.align & (segment.align - 1) or not 0 < segment.align <= _HUGE_PAGE:
        raise Malformed(f"a segment with alignment {segment.align:#x}")
    if segment.slide % segment.align:
        raise Malformed(f"a segment at {segment.vaddr:#x} does not fit its offset {segment.offset:#x}")
    if segment.filesz > segment.memsz:
        raise Malformed(f"a segment holds more in the file than in memory at {segment.vaddr:#x}")
    if segment.vaddr + segment.memsz >= 1 << 63:
        raise Malformed(f"a segment at {segment.vaddr:#x} ends past the address space")
