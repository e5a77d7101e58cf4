"""Writing to the models' folder: whole files or none, one process at a time, and one line when it fails."""

import asyncio
import errno
import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from proxy.errors import ApiError

_K = TypeVar("_K")

# What is being made lies here until it is whole; whatever is found here at start is left over.
_NEW = ".new"
BLOBS = ".blobs"
# What was fetched in part stays, since fetching goes on from there.
PULLS = ".pulls"
_LOCK = ".lock"
_PULLS_KEPT_SECONDS = 14 * 24 * 3600
# A full disk stops more than this server, so that some is left to others.
_SPARE_BYTES = 256 * 1024 * 1024

_CANNOT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def told() -> Iterator[None]:
    """What the disk refuses, as one line for the client."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        if error.errno in _CANNOT:
            raise ApiError(
                403, f"the models' folder cannot be written to: {reason} (see --library)"
            ) from None
        if error.errno in _FULL:
            raise ApiError(507, "the disk of the models' folder is full") from None
        raise ApiError(500, f"the models' folder cannot be written: {reason}") from None


async def in_thread(work: Callable[[], _K]) -> _K:
    """As `asyncio.to_thread`, but whoever is cancelled waits until the thread has let go of its files."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def sync_folder(folder: Path) -> None:
    """A rename is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """In the place of an older one, which stays whole until then."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


class Workshop:
    """The right to write to a folder, which one process at a time has: it may then clear away what another
    left over when it was killed. The folder is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        self._entering = threading.Lock()

    def enter(self) -> None:
        """Raises `ApiError` where nothing can be written."""
        with self._entering, told():
            if self._lock is not None and self.folder.exists():
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take(os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
            self._clear()

    def _take(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise ApiError(409, "another server writes to this models' folder: see --library") from None
        self.leave()
        self._lock = handle

    def leave(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _clear(self) -> None:
        for name in (_NEW, BLOBS):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for pull in self.folder.glob(f"{PULLS}/*"):
            if time.time() - pull.lstat().st_mtime > _PULLS_KEPT_SECONDS:
                shutil.rmtree(pull, ignore_errors=True)

    def new(self) -> Path:
        """A name that nothing has yet, for what is being made."""
        parent = self.folder / _NEW
        parent.mkdir(exist_ok=True)
        return parent / secrets.token_hex(8)

    def discard(self, folder: Path) -> None:
        """It is gone at once, as a whole; links in it are taken away and not followed."""
        away = self.new()
        folder.rename(away)
        sync_folder(self.folder)
        shutil.rmtree(away)

    def require(self, size: int) -> None:
        """That so much more fits."""
        free = shutil.disk_usage(self.folder).free - _SPARE_BYTES
        if size > free:
            shown = f"{size / 1e9:.1f} GB are needed, {max(free, 0) / 1e9:.1f} GB can be used"
            raise ApiError(507, f"the disk of the models' folder is too full: {shown}")

    def left_over(self) -> bool:
        return any((self.folder / name).exists() for name in (_NEW, BLOBS))
