"""Which whole pages leave the file."""

from collections.abc import Iterable, Iterator
from heapq import nlargest

from pruner.elf.filemap import Range
from pruner.elf.layout import Rewrite
from pruner.elf.read import LARGEST_PAGE, PAGE, Elf, Machine
from pruner.errors import Refused

MOST_HOLES = 1000
"""A program's header table must fit into 64 KiB; and each hole is a mapping more."""

_BEHIND_THE_LAST = 64
"""Behind the last loaded byte only alignment within the file counts."""


def granule(elf: Elf) -> int:
    """What every shift of a loaded byte is a multiple of.

    Files that ask for huge pages (2 MiB) are content with ordinary ones: the loader's promise becomes
    smaller, which is right as long as nothing in them asks for more.
    """
    largest = max(load.align for load in elf.loads)
    if largest <= LARGEST_PAGE:
        return largest
    page = PAGE if elf.machine is Machine.X86_64 else LARGEST_PAGE
    for section in elf.sections:
        if section.loaded and section.align > page:
            raise Refused(f"section {section.name} must be aligned to {section.align:#x}")
    return page


def hole(rewrite: Rewrite, page: int, *, keep: int = 0) -> Range | None:
    """The whole pages that a rewrite leaves free when `keep` bytes behind its content stay as well."""
    slide = rewrite.load.slide
    start = -(-(rewrite.used + keep + slide) // page) * page - slide
    end = (rewrite.end + slide) // page * page - slide
    return (start, end) if end - start >= max(page, rewrite.least_hole) else None


def holes(rewrites: Iterable[Rewrite], page: int, most: int = MOST_HOLES) -> list[Range]:
    """The largest holes, as many as there may be."""
    found = [each for rewrite in rewrites if (each := hole(rewrite, page))]
    return sorted(nlargest(most, found, key=lambda each: (each[1] - each[0], -each[0])))


def gaps(elf: Elf, freed: Iterable[Range], page: int) -> Iterator[Range]:
    """What leaves the file outside of the segments."""
    last = max((load.offset for load in elf.loads if load.filesz), default=0)
    for start, end in freed:
        step = page if last >= end else _BEHIND_THE_LAST
        size = (end - start) // step * step
        if size:
            yield start, start + size
