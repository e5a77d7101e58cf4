"""CUDA: regions of fat binary code: a header with the size of all, then entries, each with a header."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct

from pruner.archs import Wanted
from pruner.errors import Malformed
from pruner.formats.base import Choice, Contents, Entry, Format, Role, Unit, whole
from pruner.select import nvidia
from pruner.view import Copy, Piece, Scratch, View

MAGIC = bytes.fromhex("50ed55ba")
HEAD = Struct("<4sHHQ")
"""Magic, version, size of this header, size of what follows."""
ENTRY = Struct("<HHIQ4xI4xI8xQ16x")
"""Kind, version, size of this header, size of the code, where more header is, compute capability, flags."""

_VERSION = 1
_MOST_ENTRIES = 4096
_LARGEST_HEADER = 16384
_KINDS = {1: nvidia.Kind.PTX, 2: nvidia.Kind.SASS}
_VARIANTS = {0x100000: "a", 0x200000: "f"}

_GROUP = 256
"""The kind of an entry that holds several, compressed as one (nvcc --concat)."""
_GROUP_TABLE = Struct("<II")
"""How many, and the size of this and of their headers, which follow."""
_MORE_HEADER = Struct("<II")
"""Where its data begin within the header, and their size; they follow eight bytes later."""
_TOGETHER = "+"


@dataclass(frozen=True)
class Slot:
    """An entry of a region, by its place in the file."""

    offset: int
    head: int
    code: int
    label: str
    """Of each code in it; empty where one of them is of a kind that nothing judges."""
    kind: str

    @property
    def size(self) -> int:
        return self.head + self.code

    def entry(self) -> Entry:
        return Entry(self.label, self.size) if self.label else Entry(self.kind, self.size, Role.OTHER)


def read_region(view: View, offset: int, end: int, most: int = _MOST_ENTRIES) -> list[Slot]:
    """The entries of the region at `offset`, proven to fill it and to lie within [offset, end)."""
    last = _region_end(view, offset, end)
    slots: list[Slot] = []
    position = offset + HEAD.size
    while position < last:
        if len(slots) == most:
            raise Malformed(f"region at {offset:#x} has more than {most} entries")
        slots.append(_read_slot(view, position, last))
        position += slots[-1].size
    return slots


def _region_end(view: View, offset: int, end: int) -> int:
    if end - offset < HEAD.size:
        raise Malformed(f"region at {offset:#x} is cut off within its first {HEAD.size} bytes")
    magic, version, head, size = view.unpack(HEAD, offset)
    if (magic, version, head) != (MAGIC, _VERSION, HEAD.size):
        raise Malformed(f"region at {offset:#x} has version {version} and a header of {head} bytes")
    last: int = offset + HEAD.size + size
    if last > end:
        raise Malformed(f"region at {offset:#x} ends at {last:#x}, past {end:#x}")
    return last


def _read_slot(view: View, position: int, last: int) -> Slot:
    if position + ENTRY.size > last:
        raise Malformed(f"region's entry at {position:#x} is cut off")
    kind, _version, head, code, _more, number, flags = view.unpack(ENTRY, position)
    if not ENTRY.size <= head <= _LARGEST_HEADER or position + head + code > last:
        raise Malformed(f"region's entry at {position:#x} claims {head} + {code} bytes, past {last:#x}")
    label = _group_label(view.read(position, head)) if kind == _GROUP else _label(kind, number, flags)
    return Slot(position, head, code, label, f"fatbin kind {kind} of {number}")


def _label(kind: int, number: int, flags: int) -> str:
    variant = next((variant for flag, variant in _VARIANTS.items() if flags & flag), "")
    label = str(nvidia.Code(_KINDS[kind], number, variant)) if kind in _KINDS else ""
    return label if nvidia.read_label(label) else ""


def _group_label(head: bytes) -> str:
    """The labels of all codes in a group; nothing where its table is in a form that is not known."""
    labels = []
    try:
        count, size = _GROUP_TABLE.unpack_from(head, ENTRY.size)
        position = ENTRY.size + _GROUP_TABLE.size
        for _ in range(count):
            kind, _version, _place, _size, more, number, flags = ENTRY.unpack_from(head, position)
            labels.append(_label(kind, number, flags))
            position += _member_size(head, position, more)
    except struct.error:
        return ""
    fills = position == len(head) == ENTRY.size + size
    return _TOGETHER.join(labels) if fills and all(labels) else ""


def _member_size(head: bytes, position: int, more: int) -> int:
    if not more:
        return ENTRY.size
    start, size = _MORE_HEADER.unpack_from(head, position + more)
    return max(int(start + 8 + size), ENTRY.size)


class Cuda:
    name = "cuda"
    magic = MAGIC
    sections = frozenset({".nv_fatbin", "__nv_relfatbin"})
    buried = False

    def applies(self, wanted: Wanted) -> bool:
        return bool(wanted.sm)

    def read(self, view: View, offset: int, end: int) -> Unit:
        return unit_of(offset, read_region(view, offset, end))

    def select(self, unit: Unit, wanted: Wanted) -> Choice:
        choice = choose(unit, wanted)
        if choice.kept or not unit.entries:
            return choice
        # The driver answers an empty region with an error of another kind than "no kernel image".
        smallest = min(range(len(unit.entries)), key=lambda index: unit.entries[index].size)
        return Choice((smallest,), choice.serves)

    def shrink(self, view: View, unit: Unit, kept: Sequence[int], _scratch: Scratch) -> list[Piece]:
        if len(kept) == len(unit.entries):
            return whole(view, unit)
        slots = read_region(view, unit.offset, unit.offset + unit.size)
        stays = [slots[index] for index in kept]
        head = HEAD.pack(MAGIC, _VERSION, HEAD.size, sum(slot.size for slot in stays))
        return [head, *(Copy(view, slot.offset, slot.size) for slot in stays)]

    @contextmanager
    def contents(self, view: View, unit: Unit) -> Iterator[Contents]:
        slots = read_region(view, unit.offset, unit.offset + unit.size)

        def code(index: int) -> Iterator[bytes]:
            # With its header: name, options and flags are part of what the driver is given.
            return view.stream(slots[index].offset, slots[index].offset + slots[index].size)

        yield code


def unit_of(offset: int, slots: Sequence[Slot]) -> Unit:
    size = HEAD.size + sum(slot.size for slot in slots)
    return Unit(offset, size, tuple(slot.entry() for slot in slots))


def choose(unit: Unit, wanted: Wanted) -> Choice:
    """What the chips need of a region, and what nothing here judges."""
    codes = [
        (index, nvidia.read_label(label))
        for index, entry in enumerate(unit.entries)
        for label in (entry.label.split(_TOGETHER) if entry.role is Role.CODE else [""])
    ]
    choice = nvidia.choose([code for _, code in codes], wanted.sm, wanted.ptx)
    return Choice(tuple(sorted({codes[place][0] for place in choice.kept})), choice.serves)


FORMAT: Format = Cuda()
