"""One file of the hub, down to the disk: whole and right, or to be continued.

It grows under the name of a partial file. What came in before a break is kept, looked through again, and
continued from; it gets its own name once its size and its digest are what the hub said."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO

from proxy.errors import ApiError, EngineBrokenError
from proxy.hub.listing import File, refused
from proxy.hub.web import HubSilentError, Web
from proxy.store.blobs import gathered
from proxy.store.writing import in_thread, sync_folder
from proxy.upstream import Answer

_ENDING = ".part"
_PIECE = 4 * 1024 * 1024
# So often in a row may the hub break off without having sent anything.
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.2

Report = Callable[[int], None]


class _Growing:
    """The partial file, and the sums of what is in it."""

    def __init__(self, path: Path, file: File) -> None:
        self._path = path
        self._expected = file
        self._file: IO[bytes] | None = None
        self.size = 0
        self._restart()

    def _restart(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % self._expected.size, usedforsecurity=False)

    def open(self) -> None:
        """Take up what an earlier attempt left."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+b")
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            self._add(piece)
        if self.size > self._expected.size:
            self.empty()

    @property
    def missing(self) -> int:
        return self._expected.size - self.size

    def empty(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
        self._restart()

    def write(self, piece: bytes) -> None:
        if self._file is not None:
            self._file.write(piece)
            self._file.flush()
        self._add(piece)

    def _add(self, piece: bytes) -> None:
        self._sha256.update(piece)
        self._git.update(piece)
        self.size += len(piece)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def finish(self, path: Path) -> str:
        """The digest of the whole. What is wrong is thrown away: the next attempt starts from nothing."""
        found, git = self._sha256.hexdigest(), self._git.hexdigest()
        expected = self._expected
        wrong = (expected.sha256 and found != expected.sha256) or (expected.git and git != expected.git)
        if wrong or self.size != expected.size:
            self._path.unlink()
            sums = f"want {expected.sha256 or expected.git}, got {found if expected.sha256 else git}"
            raise ApiError(502, f"digest mismatch, file must be downloaded again: {sums} ({expected.path})")
        if self._file is not None:
            os.fsync(self._file.fileno())
        self._path.chmod(0o644)
        self._path.rename(path)
        sync_folder(path.parent)
        return found


async def download(web: Web, address: str, file: File, path: Path, report: Report) -> str:
    """Returns its SHA-256. `report` is told how many bytes are here."""
    if path.exists():
        report(file.size)
        return file.sha256 or await in_thread(partial(_sha256_of, path))
    growing = _Growing(path.with_name(path.name + _ENDING), file)
    try:
        await in_thread(growing.open)
        await _fill(web, address, growing, file.size, report)
        return await in_thread(partial(growing.finish, path))
    finally:
        growing.close()


async def _fill(web: Web, address: str, growing: _Growing, size: int, report: Report) -> None:
    failures, most = 0, growing.size
    while growing.size < size:
        broken = await _attempt(web, address, growing, report)
        failures = 0 if growing.size > most else failures + 1
        most = max(most, growing.size)
        if failures == _ATTEMPTS:
            raise broken or _other_size("less", address)
        if broken:
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2**failures)


def _other_size(how: str, address: str) -> ApiError:
    return ApiError(502, f"the hub sends {how} of {address.rpartition('/')[2]} than there is")


async def _attempt(web: Web, address: str, growing: _Growing, report: Report) -> ApiError | None:
    """The break that ended it, where one did."""
    try:
        await _continue(web, address, growing, report)
    except (EngineBrokenError, HubSilentError) as broken:
        return broken
    return None


async def _continue(web: Web, address: str, growing: _Growing, report: Report) -> None:
    headers = {"range": f"bytes={growing.size}-"} if growing.size else {}
    with closing(await web.get(address, headers)) as answer:
        if answer.status == 416 or (answer.status == 206 and not _continues(answer, growing.size)):
            await in_thread(growing.empty)
            return
        if answer.status not in (200, 206):
            raise refused(answer.status, answer.headers, web)
        if answer.status == 200 and growing.size:
            await in_thread(growing.empty)
        async for piece in gathered(_parts(answer)):
            if len(piece) > growing.missing:
                raise _other_size("more", address)
            await in_thread(partial(growing.write, piece))
            report(growing.size)


def _continues(answer: Answer, size: int) -> bool:
    return answer.headers.get("content-range", "").startswith(f"bytes {size}-")


async def _parts(answer: Answer) -> AsyncIterator[bytes]:
    while data := await answer.read():
        yield data


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
