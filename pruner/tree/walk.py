"""What lies in a tree: kernel folders, libraries by their first bytes, wheels' RECORD files.

Nothing is followed: a symbolic link is neither read nor replaced, and a folder on another file system
(/proc, /sys, /dev and mounts of an image's root) stays unseen. A file with several names is one file.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

from pruner.errors import PrunerError
from pruner.folders.base import Folder
from pruner.folders.recognise import recognise
from pruner.replace import LEFTOVER

_RECORD = ".dist-info/RECORD"
_MAGIC = b"\x7fELF"
_HEADER = 20
_MACHINE = {1: Struct("<H"), 2: Struct(">H")}
_KERNELS = frozenset({190, 224})
"""Machine numbers of CUDA and AMD GPUs: such an ELF file is code for a chip, not a library around it."""

Skip = Callable[[str], bool]


@dataclass(frozen=True)
class Library:
    names: tuple[str, ...]
    """Every name that it has within the tree, below the root, with slashes."""
    size: int
    links: int
    """How many names it has anywhere."""
    identity: tuple[int, int]
    """Device and inode."""

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def names_outside(self) -> int:
        return self.links - len(self.names)


@dataclass(frozen=True)
class Tree:
    """What a run may touch, by name below `root`."""

    root: Path
    libraries: tuple[Library, ...] = ()
    """The largest first."""
    kernels: tuple[Folder, ...] = ()
    dates: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Every folder -> when it was read and changed, in nanoseconds."""
    records: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    """Temporary files of a run that was killed."""
    links: tuple[str, ...] = ()
    """Symbolic links."""
    kept: tuple[str, ...] = ()
    """Not to be touched: in none of the above but `links`."""
    mounts: tuple[str, ...] = ()
    """Other file systems, not entered."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Name -> what the system said."""

    def path(self, name: str) -> Path:
        return self.root / name


def place_of(path: Path) -> Path:
    """Where a path given by a person leads, if that is a folder or a file."""
    try:
        place = path.resolve(strict=True)
        kind = place.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise PrunerError(f"{path} cannot be opened: {_reason(error)}", hint=_hint_for(path)) from None
    if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
        raise PrunerError(f"{path} is neither a folder nor a file", hint="give a tree, or one library")
    return place


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "its symbolic links lead in a circle"


def _hint_for(path: Path) -> str:
    if path.is_symlink():
        return f"it is a symbolic link to {path.readlink()}"
    return "give a folder or a file that is there, and that your user may read"


def survey(place: Path, skip: Skip, least: int = 0) -> Tree:
    """Look through a folder, or at one file; `skip` says what nobody may touch.

    Files of less than `least` bytes are not looked into: most are, and each would have to be read from disk.
    """
    if place.is_dir():
        return _Walk(place, skip, least).tree(None)
    return _Walk(place.parent, skip, least).tree(place.name)


class _Walk:
    def __init__(self, root: Path, skip: Skip, least: int) -> None:
        self._root = root
        self._place = os.fspath(root)  # a Path for each file would take longer than all the rest
        self._skip = skip
        self._least = least
        self._dates: dict[str, tuple[int, int]] = {}
        self._files: list[str] = []
        self._links: list[str] = []
        self._mounts: list[str] = []
        self._unreadable: dict[str, str] = {}

    def tree(self, only: str | None) -> Tree:
        status = self._root.stat()
        self._dates[""] = (status.st_atime_ns, status.st_mtime_ns)
        if only is None:
            self._enter(status.st_dev)
        else:
            self._files.append(only)
        leftovers = [name for name in self._files if name.endswith(LEFTOVER)]
        everything = {*self._files, *self._links}.difference(leftovers)
        kept = {name for name in everything if self._skip(name)}
        ours = everything - kept
        kernels = recognise(self._root, sorted(ours))
        rest = ours.difference(self._links, *(folder.members for folder in kernels))
        return Tree(
            root=self._root,
            libraries=self._libraries(sorted(rest)),
            kernels=tuple(kernels),
            dates=self._dates,
            records=tuple(name for name in self._files if name.endswith(_RECORD)),
            leftovers=tuple(leftovers),
            links=tuple(self._links),
            kept=tuple(sorted(kept)),
            mounts=tuple(self._mounts),
            unreadable=self._unreadable,
        )

    def _enter(self, device: int) -> None:
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(f"{self._place}/{folder}") as entries:
                    for entry in sorted(entries, key=lambda entry: entry.name):
                        name = f"{folder}/{entry.name}" if folder else entry.name
                        if self._note(name, entry, device):
                            pending.append(name)
            except OSError as error:
                self._unreadable[folder or "."] = _reason(error)

    def _note(self, name: str, entry: os.DirEntry[str], device: int) -> bool:
        """Whether it is a folder to enter. Only folders are asked for their device: in an overlay, files
        may have another one."""
        if entry.is_symlink():
            self._links.append(name)
        elif entry.is_file(follow_symlinks=False):
            self._files.append(name)
        elif entry.is_dir(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            if status.st_dev == device:
                self._dates[name] = (status.st_atime_ns, status.st_mtime_ns)
                return True
            self._mounts.append(name)
        return False

    def _libraries(self, names: list[str]) -> tuple[Library, ...]:
        found: dict[tuple[int, int], tuple[os.stat_result, list[str]]] = {}
        for name in names:
            status = self._library_status(name)
            if status is not None:
                found.setdefault((status.st_dev, status.st_ino), (status, []))[1].append(name)
        libraries = [
            Library(tuple(names), status.st_size, status.st_nlink, identity)
            for identity, (status, names) in found.items()
        ]
        return tuple(sorted(libraries, key=lambda library: (-library.size, library.name)))

    def _library_status(self, name: str) -> os.stat_result | None:
        path = f"{self._place}/{name}"
        try:
            if os.lstat(path).st_size < self._least:
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._unreadable[name] = _reason(error)
            return None
        try:
            return os.fstat(descriptor) if _is_library(os.pread(descriptor, _HEADER, 0)) else None
        except OSError as error:
            self._unreadable[name] = _reason(error)
            return None
        finally:
            os.close(descriptor)


def _is_library(head: bytes) -> bool:
    if len(head) < _HEADER or not head.startswith(_MAGIC):
        return False
    machine = _MACHINE.get(head[5])
    return machine is None or machine.unpack_from(head, 18)[0] not in _KERNELS
