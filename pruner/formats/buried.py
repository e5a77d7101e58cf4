"""CUDA regions between other data, such as cuBLASLt's .cask_resource: found by what they begin with.

What points at them is an offset in a form of its own, so none moves, and one with anything for the chip stays
as it is. One for other chips alone keeps every header where it was, for whoever looks through them, and loses
the code behind the last; hardly any has more than one.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from pruner.archs import Wanted
from pruner.formats import cuda
from pruner.formats.base import Choice, Contents, Format, Unit, whole
from pruner.view import Copy, Piece, Scratch, View

_MOST_ENTRIES = 32
"""Bytes that look like a region by chance are read no further."""


class Buried:
    name = "buried"
    magic = cuda.MAGIC
    sections = frozenset({".cask_resource", ".ldata", ".lrodata"})
    buried = True

    def applies(self, wanted: Wanted) -> bool:
        return wanted.embedded and cuda.FORMAT.applies(wanted)

    def read(self, view: View, offset: int, end: int) -> Unit:
        return cuda.unit_of(offset, cuda.read_region(view, offset, end, most=_MOST_ENTRIES))

    def select(self, unit: Unit, wanted: Wanted) -> Choice:
        choice = cuda.choose(unit, wanted)
        return Choice(tuple(range(len(unit.entries))), choice.serves) if choice.kept else choice

    def shrink(self, view: View, unit: Unit, kept: Sequence[int], _scratch: Scratch) -> list[Piece]:
        if len(kept) == len(unit.entries):
            return whole(view, unit)
        last = cuda.read_region(view, unit.offset, unit.offset + unit.size)[-1]
        return [Copy(view, unit.offset, last.offset + last.head - unit.offset)]

    def contents(self, view: View, unit: Unit) -> AbstractContextManager[Contents]:
        return cuda.FORMAT.contents(view, unit)


FORMAT: Format = Buried()
