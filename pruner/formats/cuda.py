"""CUDA: regions of fat binary code: a header with the size of all, then entries, each with a header."""

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
ENTRY = Struct("<HHIQ12xI8xQ16x")
"""Kind, version, size of this header, size of the code, compute capability, flags."""

_VERSION = 1
_MOST_ENTRIES = 4096
_LARGEST_HEADER = 65536
_KINDS = {1: nvidia.Kind.PTX, 2: nvidia.Kind.SASS}
_VARIANTS = {0x100000: "a", 0x200000: "f"}


@dataclass(frozen=True)
class Slot:
    """An entry of a region, by its place in the file."""

    offset: int
    head: int
    code: int
    kind: int
    number: int
    flags: int

    @property
    def size(self) -> int:
        return self.head + self.code

    def entry(self) -> Entry:
        variant = next((variant for flag, variant in _VARIANTS.items() if self.flags & flag), "")
        if self.kind in _KINDS:
            label = str(nvidia.Code(_KINDS[self.kind], self.number, variant))
            if nvidia.read_label(label):
                return Entry(label, self.size)
        return Entry(f"fatbin kind {self.kind} of {self.number}", self.size, Role.OTHER)


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
    kind, _version, head, code, number, flags = view.unpack(ENTRY, position)
    if not ENTRY.size <= head <= _LARGEST_HEADER or position + head + code > last:
        raise Malformed(f"region's entry at {position:#x} claims {head} + {code} bytes, past {last:#x}")
    return Slot(position, head, code, kind, number, flags)


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
    codes = [nvidia.read_label(entry.label) if entry.role is Role.CODE else None for entry in unit.entries]
    return nvidia.choose(codes, wanted.sm, wanted.ptx)


FORMAT: Format = Cuda()
