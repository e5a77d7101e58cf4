"""What the tests do with units: put bytes into a file, shrink them, and read what came out."""

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import zstandard

from pruner.archs import Ptx, Wanted, parse_archs
from pruner.formats.base import Format
from pruner.view import Copy, Piece, Scratch, View

ZLIB, ZSTD = 0, 1


@contextmanager
def viewing(data: bytes) -> Iterator[View]:
    with closing(Scratch()) as view:
        view.append(data)
        yield view


def wanted(*chips: str, ptx: Ptx = Ptx.NEEDED, embedded: bool = False) -> Wanted:
    gfx, sm = parse_archs(chips)
    return Wanted(gfx, sm, ptx, embedded)


def joined(pieces: Sequence[Piece]) -> bytes:
    return b"".join(b"".join(piece.stream()) if isinstance(piece, Copy) else piece for piece in pieces)


def shrunk(form: Format, data: bytes, asked: Wanted) -> bytes:
    """What becomes of a unit that is all of `data`."""
    with viewing(data) as view:
        unit = form.read(view, 0, view.size)
        assert unit.size == len(data)
        return keeping(form, data, form.select(unit, asked).kept)


def keeping(form: Format, data: bytes, kept: Sequence[int]) -> bytes:
    with viewing(data) as view, closing(Scratch()) as scratch:
        return joined(form.shrink(view, form.read(view, 0, view.size), kept, scratch))


def held(form: Format, data: bytes) -> list[tuple[str, bytes]]:
    """The label and the code of each entry, in order."""
    with viewing(data) as view:
        unit = form.read(view, 0, view.size)
        with form.contents(view, unit) as code:
            return [(entry.label, b"".join(code(index))) for index, entry in enumerate(unit.entries)]


def labels(form: Format, data: bytes) -> list[str]:
    with viewing(data) as view:
        return [entry.label for entry in form.read(view, 0, view.size).entries]


def compressed(bundle: bytes, version: int = 2, method: int = ZSTD, *, stated: int | None = None) -> bytes:
    """A compressed bundle, which states its own size or another one."""
    packed = zlib.compress(bundle) if method == ZLIB else zstandard.compress(bundle, 19)
    digest = hashlib.md5(bundle, usedforsecurity=False).digest()[:8]
    size = len(bundle) if stated is None else stated
    sizes = {
        1: lambda: struct.pack("<I", size),
        2: lambda: struct.pack("<II", 24 + len(packed), size),
        3: lambda: struct.pack("<QQ", 32 + len(packed), size),
    }
    return b"CCOB" + struct.pack("<HH", version, method) + sizes[version]() + digest + packed
