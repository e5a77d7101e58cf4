"""Refuses files in which something else lies in the bytes that are to change: sections of the host, headers,
or what the loader reads by address."""

from collections.abc import Iterable, Iterator

from pruner.elf.filemap import FileMap, Range, merged
from pruner.elf.layout import Cargo
from pruner.elf.read import HEADER, Elf, SegmentType
from pruner.errors import Malformed

_ENCLOSING = (SegmentType.NULL, SegmentType.LOAD, SegmentType.PHDR, SegmentType.GNU_RELRO)
"""Segments that say something of all that lies in them, or are told of a change."""

_TABLES = {
    4: None,  # DT_HASH
    5: 10,  # DT_STRTAB, DT_STRSZ
    6: None,  # DT_SYMTAB
    7: 8,  # DT_RELA, DT_RELASZ
    12: None,  # DT_INIT
    13: None,  # DT_FINI
    17: 18,  # DT_REL, DT_RELSZ
    23: 2,  # DT_JMPREL, DT_PLTRELSZ
    25: 27,  # DT_INIT_ARRAY, DT_INIT_ARRAYSZ
    26: 28,  # DT_FINI_ARRAY, DT_FINI_ARRAYSZ
    32: 33,  # DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ
    36: 35,  # DT_RELR, DT_RELRSZ
    0x6FFFFEF5: None,  # DT_GNU_HASH
    0x6FFFFFF0: None,  # DT_VERSYM
    0x6FFFFFFC: None,  # DT_VERDEF
    0x6FFFFFFE: None,  # DT_VERNEED
}
"""Entries of the dynamic section that are addresses, and those that say how much is there."""


def check_apart(elf: Elf, cargo: Iterable[Cargo]) -> None:
    """Whoever makes a library puts each byte to one use; a file that says otherwise is up to something."""
    cargo = tuple(cargo)
    device = {each.section for each in cargo}
    sections = [each for each in elf.sections if each.in_file and each not in device]
    host = FileMap(merged((each.offset, each.end) for each in sections))
    for what, table in (("program", elf.program_headers), ("section", elf.section_headers)):
        if host.within(*table):
            raise Malformed(f"its {what} headers at {table[0]:#x} lie within a section")
    claimed = FileMap(merged([*host.cuts, *_read_by_the_loader(elf)]))
    for each in cargo:
        for unit in (new.unit for new in each.units if new.changed):
            if claimed.within(unit.offset, unit.offset + unit.size):
                raise Malformed(f"something else lies in the unit of code at {unit.offset:#x}")


def _read_by_the_loader(elf: Elf) -> Iterator[Range]:
    yield from ((0, HEADER.size), elf.program_headers, elf.section_headers)
    for segment in elf.segments:
        if segment.filesz and segment.type not in _ENCLOSING:
            yield segment.offset, segment.file_end
    for tag, size in _TABLES.items():
        offset = elf.offset_of(elf.dynamic.get(tag, 0))
        if tag in elf.dynamic and offset is not None:
            yield offset, offset + max(1, elf.dynamic.get(size, 1) if size else 1)
