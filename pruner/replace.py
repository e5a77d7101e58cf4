"""Putting a new file in the place of an old one: whole or not at all, and with everything that the old one
had but its content."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pruner.errors import Changed, Refused

LEFTOVER = ".gfxpack-prune~"
"""How the name of every file in the making ends; one that is found later is of a run that was killed."""

_NAME_AT_MOST = 100
"""Bytes of the old name in that of the new file: a file system takes 255 in all."""


@contextmanager
def replacement(path: Path, before: os.stat_result) -> Iterator[int]:
    """A descriptor of an empty file that takes the place of `path` when the block ends well.

    `before` is the state of the file that was read: where it has changed since, nothing is replaced.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix_for(path), suffix=LEFTOVER)
    try:
        try:
            yield descriptor
            _take_over(path, before, descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        check_unchanged(path, before)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def prefix_for(path: Path) -> str:
    """How the names of files begin that are to take the place of this one."""
    return f".{os.fsdecode(os.fsencode(path.name)[:_NAME_AT_MOST])}."


def check_unchanged(path: Path, before: os.stat_result) -> None:
    now = path.stat(follow_symlinks=False)
    if any(
        getattr(now, field) != getattr(before, field)
        for field in ("st_ino", "st_dev", "st_size", "st_mtime_ns", "st_ctime_ns")
    ):
        raise Changed("somebody wrote to it while it was read")


def _take_over(path: Path, before: os.stat_result, descriptor: int) -> None:
    """Owner, then mode, then attributes: a change of owner takes set-user bits and capabilities away."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(descriptor, before.st_uid, before.st_gid)
        except PermissionError:
            owner = f"user {before.st_uid}, group {before.st_gid}"
            raise Refused(f"a new file could not be given its owner ({owner}); root may do that") from None
    attributes = _attributes(path)
    for name in _attributes(descriptor):
        if name not in attributes:  # an access list that the folder hands to every new file
            os.removexattr(descriptor, name)
    os.fchmod(descriptor, before.st_mode & 0o7777)
    for name in attributes:
        os.setxattr(descriptor, name, os.getxattr(path, name, follow_symlinks=False))
    os.utime(descriptor, ns=(before.st_atime_ns, before.st_mtime_ns))


def _attributes(file: Path | int) -> list[str]:
    with suppress(OSError):  # a file system without them
        return os.listxattr(file, follow_symlinks=isinstance(file, int))
    return []
