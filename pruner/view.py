"""Reading a file by offset. Nothing is mapped: memory stays bounded, and a file that somebody cuts short
while it is read raises an error where a mapping would kill the process."""

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

from pruner.errors import Malformed

CHUNK = 1 << 20
NEAR = 4096
_CANNOT_TELL = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class View:
    """A read-only window on an open file. Offsets are of the file; every read is whole or `Malformed`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise Malformed(f"truncated: {size} bytes at {offset:#x} end past the file's {self.size}")
        data = os.pread(self.descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self.descriptor, size - len(data), offset + len(data))
            if not more:
                raise Malformed(f"truncated while it was read, at {offset + len(data):#x}")
            data += more
        return data

    def unpack(self, layout: Struct, offset: int) -> tuple[Any, ...]:
        return layout.unpack(self.read(offset, layout.size))

    def chunks(self, start: int, end: int, size: int = CHUNK) -> Iterator[tuple[int, bytes]]:
        """The bytes of [start, end) piece by piece, each with its offset, without a sparse file's holes."""
        for first, last in self.data(start, end):
            for offset in range(first, last, size):
                yield offset, self.read(offset, min(size, last - offset))

    def data(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of [start, end) that are no hole of a sparse file; what lies between reads as zeros."""
        if start < 0 or end > self.size:
            raise Malformed(f"truncated: {start:#x} to {end:#x} ends past the file's {self.size}")
        while start < end:
            first = self._next(os.SEEK_DATA, start, end)
            if first >= end:
                return
            start = self._next(os.SEEK_HOLE, first, end)
            yield first, start

    def _next(self, what: int, start: int, end: int) -> int:
        """Where data or a hole begins, or `end`. A file system that cannot tell has data alone."""
        try:
            return min(end, os.lseek(self.descriptor, start, what))
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end of the file
                return end
            if error.errno not in _CANNOT_TELL:
                raise
            return start if what == os.SEEK_DATA else end

    def stream(self, start: int, end: int) -> Iterator[bytes]:
        """Every byte of [start, end), piece by piece; the holes of a sparse file as zeros."""
        for offset in range(start, end, CHUNK):
            yield self.read(offset, min(CHUNK, end - offset))

    def find(self, needle: bytes, start: int, end: int) -> int | None:
        """Where `needle` begins first within [start, end), wholly inside."""
        return next(self.occurrences(needle, start, end), None)

    def occurrences(self, needle: bytes, start: int, end: int) -> Iterator[int]:
        """Every place where `needle` begins within [start, end), wholly inside."""
        tail, tail_offset = b"", start
        for offset, chunk in self.chunks(start, end):
            window, base = (
                (tail + chunk, tail_offset) if tail_offset + len(tail) == offset else (chunk, offset)
            )
            position = window.find(needle)
            while position >= 0:
                yield base + position
                position = window.find(needle, position + 1)
            kept = min(len(needle) - 1, len(window))
            tail, tail_offset = window[len(window) - kept :], base + len(window) - kept

    def first_nonzero(self, start: int, end: int) -> int | None:
        near = self.read(start, min(NEAR, end - start))  # most gaps are short
        if near.strip(b"\0"):
            return start + len(near) - len(near.lstrip(b"\0"))
        for offset, chunk in self.chunks(start + len(near), end):
            rest = chunk.lstrip(b"\0")
            if rest:
                return offset + len(chunk) - len(rest)
        return None


class Scratch(View):
    """A file without a name for what is made on the way, so that memory holds one piece at a time."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        super().__init__(self._file.fileno())

    def append(self, data: bytes) -> "Copy":
        """Keep these bytes; the answer stands for them."""
        offset = self.size
        try:
            self._file.seek(offset)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            where = f"among temporary files in {tempfile.gettempdir()}; TMPDIR names another folder"
            raise OSError(error.errno, f"{error.strerror}, {where}") from None
        self.size += len(data)
        return Copy(self, offset, len(data))

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class Copy:
    """Bytes that stand in a file."""

    source: View
    offset: int
    size: int

    def __len__(self) -> int:
        return self.size

    def stream(self) -> Iterator[bytes]:
        return self.source.stream(self.offset, self.offset + self.size)


Piece = bytes | Copy
"""A stretch of a new file: bytes made here, or bytes taken over."""
