"""What lies in a tree: host libraries by their first bytes, kernels for GPUs, wheels' RECORD files.

Nothing is followed: a symbolic link is neither read nor replaced, and a folder on another file system
(/proc, /sys, /dev and mounts of an image's root) stays unseen. A file with several names is one file.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

from pruner.errors import PrunerError
from pruner.tree.guard import LEFTOVER

_MAGIC = b"\x7fELF"
_HEADER = 20
_MACHINE = {1: Struct("<H"), 2: Struct(">H")}
_KERNELS = frozenset({190, 224})
"""Machine numbers of CUDA and AMD GPUs: such an ELF file is code for a chip, not a library around it."""


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
    folders: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Every folder -> when it was read and changed, in nanoseconds."""
    records: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    """Temporary files of a run that was killed."""
    mounts: tuple[str, ...] = ()
    """Other file systems, not entered."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Name -> what the system said."""

    def path(self, name: str) -> Path:
        return self.root / name


def survey(path: Path) -> Tree:
    """Look through a folder, or at one file."""
    try:
        place = path.resolve(strict=True)
        kind = place.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise PrunerError(f"{path} cannot be opened: {_reason(error)}", hint=_hint_for(path)) from None
    if stat.S_ISDIR(kind):
        return _Walk(place).tree()
    if stat.S_ISREG(kind):
        walk = _Walk(place.parent)
        walk.look_at(place.name)
        return walk.tree(enter=False)
    raise PrunerError(f"{path} is neither a folder nor a file", hint="give a tree, or one library")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "its symbolic links lead in a circle"


def _hint_for(path: Path) -> str:
    if path.is_symlink():
        return f"it is a symbolic link to {path.readlink()}"
    return "give a folder or a file that is there, and that your user may read"


class _Walk:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._libraries: dict[tuple[int, int], tuple[os.stat_result, list[str]]] = {}
        self._folders: dict[str, tuple[int, int]] = {}
        self._records: list[str] = []
        self._leftovers: list[str] = []
        self._mounts: list[str] = []
        self._unreadable: dict[str, str] = {}

    def tree(self, *, enter: bool = True) -> Tree:
        status = self._root.stat()
        self._folders[""] = (status.st_atime_ns, status.st_mtime_ns)
        if enter:
            for name in self._entries(status.st_dev):
                self.look_at(name)
        return Tree(
            root=self._root,
            libraries=tuple(
                Library(tuple(sorted(names)), status.st_size, status.st_nlink, identity)
                for identity, (status, names) in self._libraries.items()
            ),
            folders=self._folders,
            records=tuple(sorted(self._records)),
            leftovers=tuple(sorted(self._leftovers)),
            mounts=tuple(sorted(self._mounts)),
            unreadable=self._unreadable,
        )

    def look_at(self, name: str) -> None:
        """Sort one regular file in."""
        if name.endswith(LEFTOVER):
            self._leftovers.append(name)
        elif name.endswith(".dist-info/RECORD"):
            self._records.append(name)
        else:
            self._look_inside(name)

    def _look_inside(self, name: str) -> None:
        try:
            descriptor = os.open(
                self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
        except OSError as error:
            self._unreadable[name] = _reason(error)
            return
        try:
            head = os.pread(descriptor, _HEADER, 0)
            if _is_library(head):
                status = os.fstat(descriptor)
                identity = (status.st_dev, status.st_ino)
                self._libraries.setdefault(identity, (status, []))[1].append(name)
        except OSError as error:
            self._unreadable[name] = _reason(error)
        finally:
            os.close(descriptor)

    def _entries(self, device: int) -> Iterator[str]:
        """Names of all regular files; folders are noted on the way."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self._unreadable[folder or "."] = _reason(error)
                continue
            for entry in found:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if self._enters(name, entry, device):
                        pending.append(name)
                elif entry.is_file(follow_symlinks=False):
                    yield name

    def _enters(self, name: str, entry: os.DirEntry[str], device: int) -> bool:
        """Only folders are asked for their device: overlay file systems give files another one."""
        status = entry.stat(follow_symlinks=False)
        if status.st_dev != device:
            self._mounts.append(name)
            return False
        self._folders[name] = (status.st_atime_ns, status.st_mtime_ns)
        return True


def _is_library(head: bytes) -> bool:
    if not head.startswith(_MAGIC):
        return False
    machine = _MACHINE.get(head[5]) if len(head) == _HEADER else None
    return machine is None or machine.unpack_from(head, 18)[0] not in _KERNELS
