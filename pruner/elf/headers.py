"""The new file's program headers and section headers."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pruner.elf.filemap import FileMap, Range, merged, without
from pruner.elf.layout import COMPACT, Arrangement
from pruner.elf.read import DROPPED, PROGRAM_HEADER, Elf, Section, Segment, SegmentType
from pruner.errors import Malformed, Refused

_WORD = 1 << 64
"""Physical addresses mean nothing here: any is taken as it is."""


def new_segments(elf: Elf, where: FileMap, page: int, table: Range | None = None) -> tuple[Segment, ...]:
    """The program headers: each loaded segment in as many pieces as its holes leave. `table` is where the
    headers themselves are now, if they moved."""
    segments = [piece for segment in elf.segments for piece in _pieces(segment, where, page)]
    segments = _shortened(elf, segments)
    size = PROGRAM_HEADER.size * len(segments)
    return tuple(_own(elf, segment, size, where, table) for segment in segments)


def _shortened(elf: Elf, segments: list[Segment]) -> list[Segment]:
    """Give up slots that mean nothing, where the table can stay in its place by that. A library needs no
    header that says where the headers are; and tools that lay a file out anew want the table at its front."""
    excess = len(segments) - len(elf.segments)
    useless = [SegmentType.NULL] if elf.executable else [SegmentType.NULL, SegmentType.PHDR]
    spare = sorted((each for each in segments if each.type in useless), key=lambda each: each.type)
    if not 0 < excess <= len(spare):
        return segments
    return [each for each in segments if not any(each is gone for gone in spare[:excess])]


def _pieces(segment: Segment, where: FileMap, page: int) -> Iterator[Segment]:
    if segment.type == SegmentType.LOAD:
        yield from _split(segment, where, page)
    elif segment.filesz and where.within(segment.offset, segment.file_end):
        raise Refused(f"a segment of type {segment.type:#x} lies in what is to go")
    else:
        yield replace(segment, offset=where(segment.offset))


def _split(load: Segment, where: FileMap, page: int) -> Iterator[Segment]:
    """Behind each piece its hole reads as zeros: in memory a piece reaches to where the next one starts."""
    stays = list(where.left(load.offset, load.file_end)) or [(load.offset, load.offset)]
    ends = [*(start for start, _ in stays[1:]), load.offset + load.memsz]
    for (start, end), until in zip(stays, ends, strict=True):
        yield replace(
            load,
            offset=where(start),
            vaddr=start + load.slide,
            paddr=(start - load.offset + load.paddr) % _WORD,
            filesz=end - start,
            memsz=until - start,
            align=min(load.align, page),
        )


def _own(elf: Elf, segment: Segment, size: int, where: FileMap, table: Range | None) -> Segment:
    """PT_PHDR says where the table is; every other header is none of its business."""
    if segment.type != SegmentType.PHDR:
        return segment
    if table is None:
        return replace(segment, filesz=size, memsz=size)
    home = next(load for load in elf.loads if load.holds(*_extent(table)))
    address = table[0] + home.slide
    return replace(segment, offset=where(table[0]), vaddr=address, paddr=address, filesz=size, memsz=size)


def _extent(table: Range) -> tuple[int, int]:
    return table[0], table[1] - table[0]


def new_sections(
    elf: Elf,
    arrangements: Iterable[Arrangement],
    where: FileMap,
    table: Range | None,
    dropped: frozenset[int],
) -> tuple[Section, ...]:
    """The section headers, each in its old place. A section with holes is described piece by piece, so that
    another run finds all that is left of it: the first piece in the old place, the others behind the last
    header."""
    device = {
        arrangement.section: _in_pieces(arrangement, merged([*where.cuts, *([table] if table else [])]))
        for arrangement in arrangements
    }
    for number, section in enumerate(elf.sections):
        if number not in dropped and section not in device:
            _check_whole(section, where)
    first = (
        DROPPED if number in dropped else device.get(section, [section])[0]
        for number, section in enumerate(elf.sections)
    )
    rest = (piece for pieces in device.values() for piece in pieces[1:])
    return tuple(replace(section, offset=where(section.offset)) for section in (*first, *rest))


def needs_longer_table(
    arrangements: Iterable[Arrangement], holes: Iterable[Range], table: Range | None
) -> bool:
    gone = merged([*holes, *([table] if table else [])])
    return any(len(_in_pieces(arrangement, gone)) > 1 for arrangement in arrangements)


def _in_pieces(arrangement: Arrangement, gone: Iterable[Range]) -> list[Section]:
    section = arrangement.section
    if arrangement.layout == COMPACT:
        (rewrite,) = arrangement.rewrites
        return [replace(section, size=rewrite.used - section.offset)]
    pieces = [
        replace(section, offset=start, addr=start + section.slide, size=end - start, align=1)
        for start, end in without((section.offset, section.end), gone)
    ]
    return [section] if len(pieces) == 1 else [replace(pieces[0], align=section.align), *pieces[1:]]


def _check_whole(section: Section, where: FileMap) -> None:
    if section.in_file and where.within(section.offset, section.end):
        raise Malformed(f"section {section.name} lies in what is to go")
