"""Symbols and debug data that no program loads: which sections they are, and which bytes that frees.

Nothing that is mapped moves in memory. A blanket `strip` lays a file out anew, which breaks libraries that
auditwheel or patchelf have been at; here the file only loses ranges that no segment covers.
"""

from collections.abc import Iterable, Iterator

from pruner.elf.filemap import Range, merged, without
from pruner.elf.read import HEADER, Elf, Section, SectionType
from pruner.errors import Refused

_NAMES = frozenset({".symtab", ".strtab", ".symtab_shndx", ".gdb_index", ".gnu_debugaltlink"})
_BEGINNINGS = (".debug_", ".zdebug_", ".gnu.build.attributes", ".gnu.debuglto", ".stab")
_STATIC_RELOCATIONS = frozenset({SectionType.RELA, SectionType.REL})
"""Of no use without the symbols; there only where a library was linked with --emit-relocs."""

_LEAST_PADDING = 65536


def strippable(elf: Elf) -> frozenset[int]:
    """Numbers of the sections that hold symbols and debug data, and nothing that is ever mapped."""
    loaded = merged((load.offset, load.file_end) for load in elf.loads)
    return frozenset(
        number
        for number, section in enumerate(elf.sections)
        if _is_ballast(section) and number != elf.names_index and not _touches(section, loaded)
    )


def _is_ballast(section: Section) -> bool:
    if section.loaded or not section.in_file:
        return False
    return (
        section.name in _NAMES or section.name.startswith(_BEGINNINGS) or section.type in _STATIC_RELOCATIONS
    )


def _touches(section: Section, ranges: Iterable[Range]) -> bool:
    return any(start < section.end and section.offset < end for start, end in ranges)


def owned(elf: Elf, dropped: frozenset[int], *, section_table: bool) -> list[Range]:
    """Every range of the file that a header, a segment or a section which stays lays claim to."""
    claims: list[Range] = [(0, HEADER.size), elf.program_headers]
    if section_table:
        claims.append(elf.section_headers)
    claims += ((segment.offset, segment.file_end) for segment in elf.segments if segment.filesz)
    claims += (
        (section.offset, section.end)
        for number, section in enumerate(elf.sections)
        if section.in_file and number not in dropped
    )
    return merged(claims)


def freed(elf: Elf, dropped: frozenset[int], *, section_table: bool = True) -> Iterator[Range]:
    """What nobody claims any more, with the padding around it; and padding so long that it is worth it, such
    as that between segments on huge pages."""
    gone = [(elf.sections[number].offset, elf.sections[number].end) for number in dropped]
    if not section_table:
        gone.append(elf.section_headers)
    gone = merged(gone)
    for start, end in without((0, elf.view.size), owned(elf, dropped, section_table=section_table)):
        within = [part for part in gone if start < part[1] and part[0] < end]
        if within:
            yield _grown(elf, (start, end), (max(start, within[0][0]), min(end, within[-1][1])))
        elif end - start >= _LEAST_PADDING and elf.view.first_nonzero(start, end) is None:
            yield start, end


def _grown(elf: Elf, whole: Range, gone: Range) -> Range:
    """The freed part of an unclaimed range, and the zeros at either side of it."""
    start = gone[0] if elf.view.first_nonzero(whole[0], gone[0]) is not None else whole[0]
    end = gone[1] if elf.view.first_nonzero(gone[1], whole[1]) is not None else whole[1]
    return start, end


def check_nothing_behind(elf: Elf) -> None:
    """A program may carry an archive behind its last header, and look for it by offset."""
    last = owned(elf, frozenset(), section_table=True)[-1][1]
    extra = elf.view.first_nonzero(last, elf.view.size)
    if extra is not None:
        raise Refused(f"data of another kind follows the library, from {extra:#x} to its end")
