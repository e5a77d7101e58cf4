"""The new file, written from a plan."""

import errno
import os
from collections.abc import Iterator

from pruner.elf.plan import Plan
from pruner.elf.read import HEADER
from pruner.errors import Malformed
from pruner.view import CHUNK, Copy, Piece, View

_NO_COPY_IN_KERNEL = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM)


def write(plan: Plan, target: int) -> None:
    """Fill the empty file `target`. Zeros are left out: they become holes, or were some before."""
    os.ftruncate(target, plan.size)
    for offset, piece in _contents(plan):
        _put(target, plan.where(offset), piece)
    for offset, data in plan.patches.items():
        _put(target, plan.where(offset), data)
    _put(target, plan.phoff, b"".join(segment.pack() for segment in plan.segments))
    if plan.sections:
        _put(target, plan.shoff, b"".join(section.pack() for section in plan.sections))
    _put(target, 0, _header(plan))


def _contents(plan: Plan) -> Iterator[tuple[int, Piece]]:
    """All that the new file holds of the old one and of the rewritten units, by old offset."""
    position = 0
    for rewrite in plan.rewrites:
        yield from _as_it_was(plan, position, rewrite.start)
        offset = rewrite.start
        for piece in rewrite.pieces:
            yield offset, piece
            offset += len(piece)
        position = rewrite.end
    yield from _as_it_was(plan, position, plan.elf.view.size)


def _as_it_was(plan: Plan, start: int, end: int) -> Iterator[tuple[int, Piece]]:
    for first, last in plan.where.left(start, end):
        for begin, stop in plan.elf.view.data(first, last):
            yield begin, Copy(plan.elf.view, begin, stop - begin)


def _put(target: int, offset: int, piece: Piece) -> None:
    if isinstance(piece, Copy):
        _copy(piece, target, offset)
    elif piece.strip(b"\0"):
        _write(target, offset, piece)


def _write(target: int, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(target, rest, offset)
        offset += written
        rest = rest[written:]


def _copy(piece: Copy, target: int, offset: int) -> None:
    done = 0
    while done < piece.size:
        copied = _copied_by_kernel(piece, done, target, offset + done)
        if copied == 0:
            _copy_by_hand(piece.source, piece.offset + done, piece.size - done, target, offset + done)
            return
        done += copied


def _copied_by_kernel(piece: Copy, done: int, target: int, offset: int) -> int:
    """How much the kernel copied; nothing where it cannot, or where the source has become shorter."""
    source = piece.source.descriptor
    try:
        return os.copy_file_range(source, target, piece.size - done, piece.offset + done, offset)
    except OSError as error:
        if error.errno in _NO_COPY_IN_KERNEL:
            return 0
        raise


def _copy_by_hand(source: View, start: int, size: int, target: int, offset: int) -> None:
    for done in range(0, size, CHUNK):
        _write(target, offset + done, source.read(start + done, min(CHUNK, size - done)))


def _header(plan: Plan) -> bytes:
    fields = list(HEADER.unpack(plan.elf.header))
    for position, value in (
        (5, plan.phoff),
        (6, plan.shoff),
        (10, len(plan.segments)),
        (12, len(plan.sections)),
    ):
        fields[position] = value
    if len(plan.sections) >= 0xFF00:
        raise Malformed("more sections than an ELF header can count")
    return HEADER.pack(*fields)
