"""Files by their digest, sent by clients for models that they make.

They come as a stream, are hashed on the way, and get their name when they are whole and right. A name is
made of the digest's digits alone. Nothing refers to them yet, so that those of an earlier run are cleared
away."""

import hashlib
import os
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from proxy.errors import ApiError
from proxy.store.writing import BLOBS, Workshop, in_thread, sync_folder, told

# So much is gathered before a thread writes and hashes it, or for so long.
_PIECE = 256 * 1024
_PIECE_SECONDS = 0.1


class Blobs:
    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def has(self, digest: str) -> bool:
        return self._path(digest).is_file()

    async def take(self, digest: str, parts: AsyncIterator[bytes], size: int) -> None:
        """`size` is what the client says it will be, or 0. Raises `ApiError` where the content is another."""
        with told():
            await in_thread(partial(self._begin, size))
            new = self._workshop.new()
            try:
                found = await _receive(new, parts, self._workshop)
                if found != digest:
                    raise ApiError(400, f'digest mismatch, expected "sha256:{digest}", got "sha256:{found}"')
                await in_thread(partial(self._finish, new, digest))
            finally:
                new.unlink(missing_ok=True)

    def _begin(self, size: int) -> None:
        self._workshop.enter()
        self._workshop.require(size)

    def _finish(self, new: Path, digest: str) -> None:
        path = self._path(digest)
        path.parent.mkdir(exist_ok=True)
        new.rename(path)
        sync_folder(path.parent)

    def _path(self, digest: str) -> Path:
        return self._workshop.folder / BLOBS / f"sha256-{digest}"


async def _receive(path: Path, parts: AsyncIterator[bytes], workshop: Workshop) -> str:
    """Write it down to the last byte; returns the digest."""
    hashed = hashlib.sha256()
    with path.open("xb") as file:

        def write(piece: bytes) -> None:
            workshop.require(len(piece))
            file.write(piece)
            hashed.update(piece)

        def finish() -> None:
            file.flush()
            os.fsync(file.fileno())

        async for piece in gathered(parts):
            await in_thread(partial(write, piece))
        await in_thread(finish)
    return hashed.hexdigest()


async def gathered(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that are worth a thread's while, also those before an error."""
    waiting: list[bytes] = []
    size = 0
    patience = time.monotonic() + _PIECE_SECONDS
    try:
        async for part in parts:
            waiting.append(part)
            size += len(part)
            if size >= _PIECE or time.monotonic() > patience:
                yield b"".join(waiting)
                waiting, size, patience = [], 0, time.monotonic() + _PIECE_SECONDS
    except ApiError:
        yield b"".join(waiting)
        raise
    yield b"".join(waiting)
