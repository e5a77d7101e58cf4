"""ELF64 files with device code in them, made without a compiler. `Elf` says what is to be in one, and
`tests.pruner.linking` lays it out as a linker would.

    built = build(Elf((hip(hip_bundle(codes(20000, "gfx906", "gfx1100"))),)))
    path.write_bytes(built.data)

Those for x86-64 load and run. A library has two symbols: `answer`, a function that gives 42, and `wrappers`,
the table that a GPU's runtime would be given. A program's exit status is the first byte of its first unit.
"""

from dataclasses import dataclass
from enum import Enum

HIP_MAGIC, CUDA_MAGIC = 0x48495046, 0x466243B1


class Machine(Enum):
    """ELF's number for it, and its relocation that adds the library's address."""

    X86_64 = (62, 8)
    AARCH64 = (183, 1027)


class Pointers(Enum):
    """How the loader is told which words are pointers."""

    RELA = "rela"
    RELR = "relr"


class Tables(Enum):
    """Where the section headers lie."""

    END = "end"
    LOADED = "loaded"
    """In a segment of their own behind everything else, with the dynamic strings: patchelf leaves them so."""
    NONE = "none"


@dataclass(frozen=True)
class Device:
    """A section of device code, and the wrappers that point at its units."""

    section: str
    units: tuple[bytes, ...]
    align: int
    wrappers: str = ""
    """The section of the wrappers; without one, none are made."""
    magic: int = 0
    unpointed: frozenset[int] = frozenset()
    """Units without a wrapper."""


def hip(*units: bytes, align: int = 4096) -> Device:
    return Device(".hip_fatbin", units, align, ".hipFatBinSegment", HIP_MAGIC)


def cuda(*units: bytes, unpointed: frozenset[int] = frozenset()) -> Device:
    return Device(".nv_fatbin", units, 8, ".nvFatBinSegment", CUDA_MAGIC, unpointed)


def relfatbin(*units: bytes) -> Device:
    return Device("__nv_relfatbin", units, 8)


def cask(*units: bytes) -> Device:
    """Regions between other data, which nothing points at."""
    return Device(".cask_resource", tuple(b"flat" * 10 + unit for unit in units), 8)


@dataclass(frozen=True)
class Spot:
    """A place in a section of device code: so many bytes into a unit."""

    device: int = 0
    unit: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Elf:
    devices: tuple[Device, ...] = ()
    machine: Machine = Machine.X86_64
    page: int = 0x1000
    """p_align of the segments."""
    pointers: Pointers = Pointers.RELA
    tables: Tables = Tables.END
    executable: bool = False
    """A position-independent program instead of a library."""
    merged: bool = False
    """Code shares a segment with what is only read, as in libcurand."""
    spread: bool = False
    """The data begins on a page of its own in the file, too."""
    exported: tuple[Spot, ...] = ()
    """Symbols `unit0`, `unit1`... stand here."""
    code: tuple[Spot, ...] = ()
    """For each, `lea rax, [rip + spot]` stands in the code."""
    pointing: tuple[Spot, ...] = ()
    """Pointers in the data, beside the wrappers'."""
    symbols: int = 0
    """How many symbols for debuggers there are; they are not loaded."""
    debug: int = 0
    """Bytes of debug data; they are not loaded."""
    payload: int = 3000
    """Bytes of each section that has nothing to do with device code."""
