"""What a format of device code is to the rest: one object with six members in a module of its own.

A format knows *units*: the things a host library points at, each holding code for several chips. It reads
one, says which of its entries a chip needs, and writes it again with fewer. Where units lie, whether they
may move and how the file around them shrinks is not its business.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pruner.archs import Wanted
from pruner.view import Copy, Piece, Scratch, View


class Role(StrEnum):
    """What an entry is to a chip."""

    CODE = "code"
    """Machine code, or an intermediate form that the driver compiles."""
    HOST = "host"
    """The host's place in a bundle; holds nothing, always stays."""
    OTHER = "other"
    """A kind that this format does not judge: stays, and is counted as unknown."""


@dataclass(frozen=True)
class Entry:
    """Code for one chip within a unit."""

    label: str
    """What a report calls it: `gfx1100`, `gfx90a:xnack+`, `sm_90a`, `compute_80`, `host`."""
    size: int
    """Bytes of code in it, as the unit holds them (uncompressed where the whole unit is compressed)."""
    role: Role = Role.CODE


@dataclass(frozen=True)
class Unit:
    """One bundle or region: [offset, offset + size) of the file."""

    offset: int
    size: int
    entries: tuple[Entry, ...]


class Match(StrEnum):
    """How a unit serves a chip."""

    EXACT = "exact"
    FAMILY = "family"
    """Machine code of an older chip of the same generation: `sm_80` on `sm_86`."""
    GENERIC = "generic"
    """Code for a family of chips: `gfx11-generic`."""
    INTERMEDIATE = "intermediate"
    """PTX or SPIR-V: the driver compiles it at first use."""
    NONE = "none"


@dataclass(frozen=True)
class Choice:
    """Which entries of a unit stay."""

    kept: tuple[int, ...]
    """Indexes into the unit's entries, ascending."""
    serves: tuple[tuple[str, Match], ...]
    """For each wanted chip of this vendor, how what is kept serves it."""


def whole(view: View, unit: Unit) -> list[Piece]:
    """The unit as it is."""
    return [Copy(view, unit.offset, unit.size)]


class Contents(Protocol):
    def __call__(self, index: int) -> Iterator[bytes]:
        """The code of one entry, chunk by chunk, as the runtime would hand it to the chip."""


class Format(Protocol):
    """One form of device code. A module of this package that has a `FORMAT` takes part by being there."""

    name: str
    magic: bytes
    """What every unit begins with; its first byte is not zero."""
    sections: frozenset[str]
    """Where units of this format lie."""
    buried: bool
    """Units lie anywhere between other data and stay where they are; otherwise they follow one another."""

    def applies(self, wanted: Wanted) -> bool:
        """Whether code of this vendor, in this form, is asked for."""

    def read(self, view: View, offset: int, end: int) -> Unit:
        """The unit that begins at `offset` and lies wholly before `end`; else `Malformed`."""

    def select(self, unit: Unit, wanted: Wanted) -> Choice: ...

    def shrink(self, view: View, unit: Unit, kept: Sequence[int], scratch: Scratch, /) -> Sequence[Piece]:
        """The unit again with only these entries. Not longer than it was, or it stays as it is."""

    def contents(self, view: View, unit: Unit) -> AbstractContextManager[Contents]:
        """Access to the code of the unit's entries, to compare it byte by byte."""
