"""The new file's program headers and section headers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pruner.elf.filemap import FileMap, Range, merged, without
from pruner.elf.layout import COMPACT, Arrangement
from pruner.elf.read import DROPPED, PROGRAM_HEADER, Elf, Section, Segment, SegmentType
from pruner.errors import Malformed, Refused


def new_segments(elf: Elf, where: FileMap, page: int, table: Range | None = None) -> tuple[Segment, ...]:
    """The program headers: each loaded segment in as many pieces as its holes leave. `table` is where the
    headers themselves are now, if they moved."""
    segments = [piece for segment in elf.segments for piece in _pieces(segment, where, page)]
    while len(segments) > len(elf.segments) and (spare := _spare(segments)) is not None:
        del segments[spare]
    size = PROGRAM_HEADER.size * len(segments)
    return tuple(_own(elf, segment, size, where, table) for segment in segments)


def _spare(segments: Sequence[Segment]) -> int | None:
    """A slot that means nothing."""
    return next((n for n, segment in enumerate(segments) if segment.type == SegmentType.NULL), None)


def _pieces(segment: Segment, where: FileMap, page: int) -> Iterator[Segment]:
    if segment.type == SegmentType.LOAD:
        yield from _split(segment, where, page)
    elif segment.filesz == 0:
        yield replace(segment, offset=where(segment.offset))
    elif where.within(segment.offset, segment.file_end):
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
            paddr=start - load.offset + load.paddr,
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
    dropped: frozenset[int],
    table: Range | None,
    extra: tuple[Section, ...],
) -> tuple[Section, ...]:
    """The section headers, each in its old place; `extra` ones, of sections in pieces, behind them."""
    device = {arrangement.section: arrangement for arrangement in arrangements}
    sections = []
    for number, section in enumerate(elf.sections):
        if number in dropped:
            sections.append(DROPPED)
        elif section in device:
            sections.append(_shrunk(device[section], where, table))
        else:
            sections.append(_moved(section, where))
    return (*sections, *(replace(each, offset=where(each.offset)) for each in extra))


def extra_sections(
    elf: Elf, arrangements: Iterable[Arrangement], holes: Sequence[Range], table: Range | None
) -> tuple[Section, ...]:
    """A section with holes is described piece by piece, so that tools see all that is left of it. These are
    the headers for every piece but the first, in old offsets."""
    gone = merged([*holes, table] if table else holes)
    return tuple(
        piece
        for arrangement in arrangements
        if arrangement.layout != COMPACT
        for piece in _in_pieces(arrangement.section, gone)[1:]
    )


def _in_pieces(section: Section, gone: Iterable[Range]) -> list[Section]:
    slide = section.addr - section.offset
    return [
        replace(section, offset=start, addr=start + slide, size=end - start, align=1)
        for start, end in without((section.offset, section.end), gone)
    ]


def _shrunk(arrangement: Arrangement, where: FileMap, table: Range | None) -> Section:
    section = arrangement.section
    if arrangement.layout == COMPACT:
        used = sum(map(len, arrangement.rewrites[0].pieces))
        size = arrangement.rewrites[0].start + used - section.offset
    else:
        gone = merged([*where.within(section.offset, section.end), *([table] if table else [])])
        size = _in_pieces(section, gone)[0].size
    return replace(section, offset=where(section.offset), size=size)


def _moved(section: Section, where: FileMap) -> Section:
    if section.in_file and where.within(section.offset, section.end):
        raise Malformed(f"section {section.name} lies in what is to go")
    return replace(section, offset=where(section.offset))
