"""What keeps runs from harming each other, and a run from being torn in the middle.

Two runs never work on the same files: each locks its root for itself and the folders above it together with
others, so that a run on a tree and one on a part of it meet. The system takes locks back from the dead.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

from pruner.errors import PrunerError


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Have this real path alone; gives the descriptor that holds the lock, for workers to hold it as well."""
    with ExitStack() as opened:
        for ancestor in path.parents:
            with suppress(PermissionError):
                _lock(_open(ancestor, opened), fcntl.LOCK_SH, ancestor)
        try:
            descriptor = _open(path, opened)
        except OSError as error:
            raise PrunerError(
                f"{path} cannot be read: {error.strerror}", hint="it must be one that your user may read"
            ) from None
        _lock(descriptor, fcntl.LOCK_EX, path)
        yield descriptor


def _open(path: Path, opened: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    return descriptor


def _lock(descriptor: int, kind: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PrunerError(
            f"another run works on {path}, or on a part of it", hint="wait until it is done, then start again"
        ) from None
    except OSError:
        return  # a file system without locks


class Interruption:
    """Ctrl-C and SIGTERM as a request: the run ends between files. `wait` sees it by its `fileno`."""

    def __init__(self) -> None:
        self.requests = 0
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError):  # only a program's main thread is told of signals
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._read_end)
        os.close(self._write_end)

    def __bool__(self) -> bool:
        return self.requests > 0

    @property
    def insists(self) -> bool:
        """Asked twice: what is under way need not end well, only safely."""
        return self.requests > 1

    def fileno(self) -> int:
        return self._read_end

    def heard(self) -> None:
        """Make `fileno` quiet again, until the next request."""
        with suppress(BlockingIOError):
            os.read(self._read_end, 64)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requests += 1
        with suppress(BlockingIOError):
            os.write(self._write_end, b"!")
