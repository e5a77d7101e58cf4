"""Files of device code with real heads and nothing behind them, and trees of them."""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from pruner.archs import Wanted, parse_archs
from pruner.folders.base import FolderPlan
from pruner.folders.links import links_below
from pruner.folders.plan import plan_folder
from pruner.folders.recognise import recognise
from pruner.report import Outcome
from tests.pruner.fatbins import hip_bundle

AMD, CUDA, X86 = 224, 190, 62
HSA, V2, V3, V4, V6 = 64, 0, 1, 2, 4
MACH = {
    "gfx803": 0x2A,
    "gfx900": 0x2C,
    "gfx906": 0x2F,
    "gfx908": 0x30,
    "gfx90a": 0x3F,
    "gfx1030": 0x36,
    "gfx1100": 0x41,
    "gfx1101": 0x46,
    "gfx1151": 0x4A,
    "gfx942": 0x4C,
    "gfx950": 0x4F,
    "gfx1201": 0x4E,
    "gfx11-generic": 0x54,
}
XNACK_ANY, XNACK_OFF, XNACK_ON = 0x100, 0x200, 0x300
SRAMECC_ON = 0xC00


def elf(machine: int, flags: int, abi: int = V4, *, size: int = 200) -> bytes:
    """An ELF file with one program header and no sections."""
    ident = b"\x7fELF" + bytes([2, 1, 1, HSA, abi]) + bytes(7)
    head = struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, flags, 64, 56, 1, 64, 0, 0)
    return (ident + head).ljust(size, b"\0")


def code(chip: str, features: int = 0, *, size: int = 200) -> bytes:
    """A code object for an AMD chip."""
    return elf(AMD, MACH[chip] | features, V6 if "generic" in chip else V4, size=size)


def bundle(*chips: str) -> bytes:
    return hip_bundle({chip: code(chip.partition(":")[0]) for chip in chips})


def packed(value: object) -> bytes:
    """MessagePack, as far as a table of contents needs it."""
    if isinstance(value, int):
        return b"\xce" + struct.pack(">I", value)
    if isinstance(value, str):
        data = value.encode()
        return (bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xd9" + bytes([len(data)])) + data
    if isinstance(value, Mapping):
        parts = (packed(part) for pair in value.items() for part in pair)
        return b"\xde" + struct.pack(">H", len(value)) + b"".join(parts)
    assert isinstance(value, list)
    return bytes([0x90 | len(value)]) + b"".join(map(packed, value))


def kpack(*chips: str) -> bytes:
    """An archive, its kernels stored as they are."""
    kernels = b"".join(code(chip.partition(":")[0]).ljust(256, b"\0") for chip in chips)
    table = {
        "format_version": 1,
        "group_name": "blas_lib",
        "gfx_arch_family": chips[0],
        "gfx_arches": list(chips),
        "toc": {"lib/librocblas.so.5#0": {chip: {"type": "hsaco", "ordinal": 0} for chip in chips}},
        "compression_scheme": "none",
        "blobs": [{"offset": 64 + 256 * index, "size": 200} for index in range(len(chips))],
    }
    return struct.pack("<4sIQ", b"KPAK", 1, 64 + len(kernels)).ljust(64, b"\0") + kernels + packed(table)


def grow(root: Path, files: Mapping[str, bytes] | Iterable[str]) -> Path:
    """Write these files; those without bytes get some."""
    contents = files if isinstance(files, Mapping) else dict.fromkeys(files, b"data")
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def below(root: Path) -> set[str]:
    """All files and links, hidden ones as well."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def wanted(*archs: str) -> Wanted:
    gfx, sm = parse_archs(archs)
    return Wanted(gfx=gfx, sm=sm)


def plans(root: Path, *archs: str) -> list[FolderPlan]:
    paths = below(root)
    links = links_below(root, (path for path in paths if (root / path).is_symlink()))
    return [plan_folder(root, folder, wanted(*archs), links) for folder in recognise(root, paths)]


def plan(root: Path, *archs: str) -> FolderPlan:
    (only,) = plans(root, *archs)
    return only


def outcomes(result: FolderPlan) -> dict[str, Outcome]:
    """Outcome by file name."""
    return {decision.path.rpartition("/")[2]: decision.outcome for decision in result.decisions}


def reason(result: FolderPlan, file: str) -> str:
    (found,) = [one.reason for one in result.decisions if one.path.rpartition("/")[2] == file]
    return found
