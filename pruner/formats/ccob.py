"""HIP, compressed: a header, then an offload bundle as one zlib stream or zstd frame.

Three versions differ in what sizes the header has. Code that is taken out needs the bundle unpacked, which
goes to a file without a name; what stays is compressed the same way again, under a fresh hash.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from struct import Struct

from pruner.archs import Wanted
from pruner.errors import Malformed, Refused
from pruner.formats import hip
from pruner.formats.base import Choice, Contents, Format, Unit, whole
from pruner.formats.compression import Codec, Zlib, Zstd
from pruner.view import Copy, Piece, Scratch, View

MAGIC = b"CCOB"
_HEAD = Struct("<4sHH")
"""Magic, version, method."""
_SIZES = {1: Struct("<I8s"), 2: Struct("<II8s"), 3: Struct("<QQ8s")}
"""Size of the unit, which version 1 does not have; of the unpacked bundle; hash."""
_CODECS: dict[int, Codec] = {0: Zlib(), 1: Zstd()}
_LARGEST = 1 << 32
_UNSUSPICIOUS = 64 << 20
_SWELLS_AT_MOST = 500
"""Code for a dozen chips becomes some twenty times as long; a file made to swell, a thousand times."""


@dataclass(frozen=True)
class _Header:
    version: int
    method: int
    data: int
    """Where the compressed form begins."""
    end: int
    unpacked: int

    @property
    def codec(self) -> Codec:
        return _CODECS[self.method]

    def renewed(self, digest: bytes, packed: int, unpacked: int) -> bytes:
        """The header of a unit of the same form with other data."""
        layout = _SIZES[self.version]
        total = [] if self.version == 1 else [_HEAD.size + layout.size + packed]
        return _HEAD.pack(MAGIC, self.version, self.method) + layout.pack(*total, unpacked, digest)


def _read_header(view: View, offset: int, end: int) -> _Header:
    if end - offset < _HEAD.size:
        raise Malformed(f"compressed bundle at {offset:#x} is cut off within its header")
    magic, version, method = view.unpack(_HEAD, offset)
    if magic != MAGIC:
        raise Malformed(f"no compressed bundle at {offset:#x}")
    if version not in _SIZES or method not in _CODECS:
        raise Refused(
            f"compressed bundle at {offset:#x} has version {version} and method {method}, unknown here"
        )
    data = offset + _HEAD.size + _SIZES[version].size
    if data > end:
        raise Malformed(f"compressed bundle at {offset:#x} is cut off within its header")
    *total, unpacked, _hash = view.unpack(_SIZES[version], offset + _HEAD.size)
    if unpacked > min(_LARGEST, max(_UNSUSPICIOUS, _SWELLS_AT_MOST * (end - data))):
        raise Malformed(f"compressed bundle at {offset:#x} claims to hold {unpacked} bytes")
    last = offset + total[0] if total else _CODECS[method].end(view, data, end, unpacked)
    if not data <= last <= end:
        raise Malformed(f"compressed bundle at {offset:#x} claims to end at {last:#x}; that is past {end:#x}")
    if unpacked > max(_UNSUSPICIOUS, _SWELLS_AT_MOST * (last - data)):
        raise Malformed(f"compressed bundle at {offset:#x} claims to hold {unpacked} bytes in {last - data}")
    return _Header(version, method, data, last, unpacked)


def _unpack(view: View, header: _Header, raw: Scratch, enough: int) -> None:
    """Put the bundle into `raw`, as soon as there are enough bytes of it no further."""
    for piece in header.codec.unpack(view, header.data, header.end):
        raw.append(piece)
        if raw.size >= enough:
            return


@contextmanager
def _unpacked(view: View, unit: Unit) -> Iterator[Scratch]:
    header = _read_header(view, unit.offset, unit.offset + unit.size)
    with closing(Scratch()) as raw:
        _unpack(view, header, raw, enough=header.unpacked + 1)
        if raw.size != header.unpacked:
            raise Malformed(
                f"compressed bundle at {unit.offset:#x} does not hold the {header.unpacked} bytes it claims"
            )
        yield raw


class Ccob:
    name = "ccob"
    magic = MAGIC
    sections = hip.FORMAT.sections
    buried = False

    def applies(self, wanted: Wanted) -> bool:
        return hip.FORMAT.applies(wanted)

    def read(self, view: View, offset: int, end: int) -> Unit:
        header = _read_header(view, offset, end)
        with closing(Scratch()) as raw:
            _unpack(view, header, raw, enough=hip.LARGEST_TABLE)
            bundle = hip.read_bundle(raw, 0, header.unpacked)
        return Unit(offset, header.end - offset, bundle.entries)

    def select(self, unit: Unit, wanted: Wanted) -> Choice:
        return hip.FORMAT.select(unit, wanted)

    def shrink(self, view: View, unit: Unit, kept: Sequence[int], scratch: Scratch) -> list[Piece]:
        if len(kept) == len(unit.entries):
            return whole(view, unit)
        header = _read_header(view, unit.offset, unit.offset + unit.size)
        with _unpacked(view, unit) as raw:
            bundle = hip.FORMAT.read(raw, 0, raw.size)
            smaller = _packed(header, hip.FORMAT.shrink(raw, bundle, kept, scratch), scratch)
        return smaller if sum(map(len, smaller)) < unit.size else whole(view, unit)

    @contextmanager
    def contents(self, view: View, unit: Unit) -> Iterator[Contents]:
        with _unpacked(view, unit) as raw:
            bundle = hip.FORMAT.read(raw, 0, raw.size)
            with hip.FORMAT.contents(raw, bundle) as code:
                yield code


def _packed(header: _Header, bundle: Sequence[Piece], scratch: Scratch) -> list[Piece]:
    digest = hashlib.md5(usedforsecurity=False)

    def hashed() -> Iterator[bytes]:
        for piece in bundle:
            for data in piece.stream() if isinstance(piece, Copy) else [piece]:
                digest.update(data)
                yield data

    size = sum(map(len, bundle))
    start = scratch.size
    for data in header.codec.pack(hashed(), size):
        scratch.append(data)
    packed = Copy(scratch, start, scratch.size - start)
    return [header.renewed(digest.digest()[:8], len(packed), size), packed]


FORMAT: Format = Ccob()
