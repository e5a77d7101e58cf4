"""The two ways to compress a bundle. Neither ever holds more than a piece of the data in memory."""

import zlib
from collections.abc import Iterable, Iterator
from struct import Struct
from types import ModuleType
from typing import Protocol

from pruner.errors import Malformed, Refused
from pruner.view import CHUNK, View


class Codec(Protocol):
    def unpack(self, view: View, start: int, end: int) -> Iterator[bytes]:
        """The data whose compressed form begins at `start`, in pieces of at most `CHUNK`."""

    def pack(self, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
        """The compressed form of so many bytes; the same for the same data."""

    def end(self, view: View, start: int, end: int, most: int) -> int:
        """Where the compressed form that begins at `start` is over; it holds at most so many bytes."""


class Zlib:
    def unpack(self, view: View, start: int, end: int) -> Iterator[bytes]:
        decoder = zlib.decompressobj()
        for packed in view.stream(start, end):
            yield from _inflate(decoder, packed)
            if decoder.eof:
                return
        raise Malformed(f"compressed bundle at {start:#x} is cut off")

    def pack(self, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:  # noqa: ARG002 - not in this form
        encoder = zlib.compressobj(9)
        for piece in pieces:
            yield encoder.compress(piece)
        yield encoder.flush()

    def end(self, view: View, start: int, end: int, most: int) -> int:
        decoder = zlib.decompressobj()
        position, size = start, 0
        for packed in view.stream(start, end):
            position += len(packed)
            for piece in _inflate(decoder, packed):
                size += len(piece)
                if size > most:
                    raise Malformed(
                        f"compressed bundle at {start:#x} holds more than the {most} bytes it claims"
                    )
            if decoder.eof:
                return position - len(decoder.unused_data)
        raise Malformed(f"compressed bundle at {start:#x} is cut off")


def _inflate(decoder: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    try:
        while packed and not decoder.eof:
            yield decoder.decompress(packed, CHUNK)
            packed = decoder.unconsumed_tail
    except zlib.error as error:
        raise Malformed(f"compressed bundle: {error}") from None


class Zstd:
    _LEVEL = 9  # level 19 takes 30 times as long for 10 % less
    _WIDEST_WINDOW = 1 << 27

    def unpack(self, view: View, start: int, end: int) -> Iterator[bytes]:
        zstandard = _zstandard()
        decoder = zstandard.ZstdDecompressor(max_window_size=self._WIDEST_WINDOW)
        try:
            with decoder.stream_reader(_Source(view, start, end)) as reader:
                while piece := reader.read(CHUNK):
                    yield piece
        except zstandard.ZstdError as error:
            raise Malformed(f"compressed bundle at {start:#x}: {error}") from None

    def pack(self, pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
        encoder = _zstandard().ZstdCompressor(level=self._LEVEL, write_checksum=False).compressobj(size=size)
        for piece in pieces:
            yield encoder.compress(piece)
        yield encoder.flush()

    def end(self, view: View, start: int, end: int, most: int) -> int:  # noqa: ARG002 - nothing is unpacked
        return _frame_end(view, start, end)


_FRAME = Struct("<IB")
_FRAME_MAGIC = 0xFD2FB528
_MOST_BLOCKS = 1 << 18
_DICTIONARY_SIZES = (0, 1, 2, 4)
_CONTENT_SIZES = (0, 2, 4, 8)
_CHECKSUM_SIZE = 4


def _frame_end(view: View, start: int, end: int) -> int:
    """Where a zstd frame is over, by the sizes of its blocks (RFC 8878, section 3.1.1)."""
    magic, descriptor = _FRAME.unpack(_read(view, start, _FRAME.size, end))
    if magic != _FRAME_MAGIC:
        raise Malformed(f"compressed bundle at {start:#x} is no zstd frame")
    position = start + _FRAME.size + _frame_header_size(descriptor)
    for _ in range(_MOST_BLOCKS):
        block = int.from_bytes(_read(view, position, 3, end), "little")
        position += 3 + _block_size(block)
        if block & 1:
            position += _CHECKSUM_SIZE if descriptor & 0b100 else 0
            _read(view, position, 0, end)
            return position
    raise Malformed(f"compressed bundle at {start:#x} has more than {_MOST_BLOCKS} blocks")


def _frame_header_size(descriptor: int) -> int:
    """Of what follows the descriptor: window, dictionary, size of the content."""
    single_segment = descriptor >> 5 & 1
    window = 1 - single_segment
    return window + _DICTIONARY_SIZES[descriptor & 3] + (_CONTENT_SIZES[descriptor >> 6] or single_segment)


def _block_size(block: int) -> int:
    """Of what follows a block's header: as it says, or the one byte that is repeated so often."""
    return 1 if block >> 1 & 3 == 1 else block >> 3


def _read(view: View, position: int, size: int, end: int) -> bytes:
    if position + size > end:
        raise Malformed(f"compressed bundle is cut off at {position:#x}")
    return view.read(position, size)


class _Source:
    """A stretch of a file, as the decoder reads it."""

    def __init__(self, view: View, start: int, end: int) -> None:
        self._view, self._position, self._end = view, start, end

    def read(self, size: int) -> bytes:
        data = self._view.read(self._position, min(size, self._end - self._position))
        self._position += len(data)
        return data


def _zstandard() -> ModuleType:
    try:
        import zstandard
    except ImportError:
        raise Refused(
            "its code is compressed with zstd: install the Python package zstandard to prune it"
        ) from None
    return zstandard
