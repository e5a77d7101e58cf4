"""HIP: clang's offload bundle. A table of (offset, size, id), then the code objects, all in one stretch.

The runtime reads the table from the first page alone and finds each code object by its offset from the
bundle's start, so a bundle stays in one piece, its table first.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from struct import Struct

from pruner.archs import Wanted
from pruner.errors import Malformed
from pruner.formats.base import Choice, Contents, Entry, Format, Role, Unit, whole
from pruner.select import amd
from pruner.view import Copy, Piece, Scratch, View

MAGIC = b"__CLANG_OFFLOAD_BUNDLE__"
_HEAD = Struct("<24sQ")
_SLOT = Struct("<QQQ")
_PAGE = 4096
_MOST_SLOTS = 1024
_LONGEST_ID = 512
LARGEST_TABLE = _HEAD.size + _MOST_SLOTS * (_SLOT.size + _LONGEST_ID)

_JUDGED = re.compile(
    r"hip(?:v4)?-(?:amdgcn-amd-amdhsa|spirv64-amd-amdhsa)-(?:[a-z0-9]*-)?(?P<label>(?:gfx|amdgcnspirv).*)"
)


@dataclass(frozen=True)
class Slot:
    """A row of the table: where a code object lies, counted from the bundle's start."""

    offset: int
    size: int
    identity: str

    @property
    def end(self) -> int:
        return self.offset + self.size

    def entry(self) -> Entry:
        if self.identity.partition("-")[0] == "host":
            return Entry("host", self.size, Role.HOST)
        judged = _JUDGED.fullmatch(self.identity)
        if judged is None or amd.read_label(judged["label"]) is None:
            return Entry(self.identity, self.size, Role.OTHER)
        return Entry(judged["label"], self.size)


@dataclass(frozen=True)
class Bundle:
    slots: tuple[Slot, ...]

    @property
    def table_size(self) -> int:
        return _HEAD.size + sum(_SLOT.size + len(slot.identity) for slot in self.slots)

    @property
    def size(self) -> int:
        return max([self.table_size, *(slot.end for slot in self.code)])

    @property
    def code(self) -> list[Slot]:
        """The rows that hold something, in the order of their bytes."""
        return sorted((slot for slot in self.slots if slot.size), key=lambda slot: slot.offset)

    @property
    def alignment(self) -> int:
        """What every code object is aligned to: a page by habit, less from some linkers."""
        bits = _PAGE
        for slot in self.code:
            bits |= slot.offset
        return bits & -bits

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(slot.entry() for slot in self.slots)

    def table(self) -> bytes:
        rows = (
            _SLOT.pack(slot.offset, slot.size, len(slot.identity)) + slot.identity.encode("ascii")
            for slot in self.slots
        )
        return _HEAD.pack(MAGIC, len(self.slots)) + b"".join(rows)


def read_bundle(view: View, offset: int, end: int) -> Bundle:
    """The table of the bundle at `offset`, proven to make sense within [offset, end)."""
    if end - offset < _HEAD.size:
        raise Malformed(f"bundle at {offset:#x} is cut off within its first {_HEAD.size} bytes")
    magic, count = view.unpack(_HEAD, offset)
    if magic != MAGIC:
        raise Malformed(f"no bundle at {offset:#x}")
    if count > _MOST_SLOTS:
        raise Malformed(f"bundle at {offset:#x} claims {count} entries; {_MOST_SLOTS} are the most")
    slots = []
    position = offset + _HEAD.size
    for _ in range(count):
        slot, position = _read_slot(view, position, end)
        slots.append(slot)
    bundle = Bundle(tuple(slots))
    _check_places(bundle, offset, end)
    return bundle


def _read_slot(view: View, position: int, end: int) -> tuple[Slot, int]:
    if position + _SLOT.size > end:
        raise Malformed(f"bundle's table is cut off at {position:#x}")
    offset, size, length = view.unpack(_SLOT, position)
    position += _SLOT.size
    if length > _LONGEST_ID or position + length > end:
        raise Malformed(f"bundle's id of {length} bytes at {position:#x} does not fit")
    raw = view.read(position, length)
    if not raw.isascii() or not raw.decode("ascii").isprintable():
        raise Malformed(f"bundle's id at {position:#x} is no text: {raw[:32]!r}")
    return Slot(offset, size, raw.decode("ascii")), position + length


def _check_places(bundle: Bundle, offset: int, end: int) -> None:
    code = bundle.code
    if code and code[0].offset < bundle.table_size:
        raise Malformed(f"bundle at {offset:#x}: {code[0].identity} lies within the table")
    for first, second in pairwise(code):
        if second.offset < first.end:
            raise Malformed(f"bundle at {offset:#x}: {first.identity} and {second.identity} overlap")
    if offset + bundle.size > end:
        raise Malformed(f"bundle at {offset:#x} ends at {offset + bundle.size:#x}, past {end:#x}")


def with_slots(bundle: Bundle, kept: Sequence[int]) -> Bundle:
    """The bundle with only these rows, packed to the front as the compiler would pack them."""
    old = [bundle.slots[index] for index in kept]
    align = bundle.alignment
    cursor = end = Bundle(tuple(old)).table_size
    places = {}
    for slot in sorted(old, key=lambda slot: slot.offset):
        cursor = -(-cursor // align) * align
        places[slot] = cursor
        if slot.size:
            cursor = end = cursor + slot.size
    return Bundle(tuple(replace(slot, offset=min(places[slot], end)) for slot in old))


class Hip:
    name = "hip"
    magic = MAGIC
    sections = frozenset({".hip_fatbin"})
    buried = False

    def applies(self, wanted: Wanted) -> bool:
        return bool(wanted.gfx)

    def read(self, view: View, offset: int, end: int) -> Unit:
        bundle = read_bundle(view, offset, end)
        return Unit(offset, bundle.size, bundle.entries)

    def select(self, unit: Unit, wanted: Wanted) -> Choice:
        # An entry without a byte costs nothing and serves nobody.
        codes = [
            amd.read_label(entry.label) if entry.role is Role.CODE and entry.size else None
            for entry in unit.entries
        ]
        return amd.choose(codes, wanted.gfx)

    def shrink(self, view: View, unit: Unit, kept: Sequence[int], _scratch: Scratch) -> list[Piece]:
        if len(kept) == len(unit.entries):
            return whole(view, unit)
        old = read_bundle(view, unit.offset, unit.offset + unit.size)
        new = with_slots(old, kept)
        moves = zip(new.slots, (old.slots[index] for index in kept), strict=True)
        pieces: list[Piece] = [new.table()]
        position = new.table_size
        for slot, was in sorted(moves, key=lambda move: move[0].offset):
            if slot.size:  # what is empty shares its place with what follows
                pieces += [bytes(slot.offset - position), Copy(view, unit.offset + was.offset, was.size)]
                position = slot.end
        return pieces

    @contextmanager
    def contents(self, view: View, unit: Unit) -> Iterator[Contents]:
        slots = read_bundle(view, unit.offset, unit.offset + unit.size).slots

        def code(index: int) -> Iterator[bytes]:
            return view.stream(unit.offset + slots[index].offset, unit.offset + slots[index].end)

        yield code


FORMAT: Format = Hip()
