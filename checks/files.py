"""Files that give away more than they should: privileges, devices, and what anybody may write."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from checks.subject import Fault, Finding, Subject

_OPEN_TO_ALL = ("tmp", "run", "var/tmp")
_HINTS = {
    "is setuid": "take the bit away (chmod u-s) in the stage that brings it, or leave its package out",
    "is setgid": "take the bit away (chmod g-s) in the stage that brings it, or leave its package out",
    "is a device": "an image holds none: the engine makes the devices; remove it in the stage that makes it",
    "may be written by everybody": "take that right away (chmod o-w) in the stage that brings it",
}


def privileged(subject: Subject) -> Finding:
    faults = []
    for name, mode in _files(subject.root):
        faults += [Fault(f"/{name} {what}", _HINTS[what]) for what in _wrongs(name, mode)]
    return Finding(faults)


def _wrongs(name: str, mode: int) -> Iterator[str]:
    if stat.S_ISREG(mode) and mode & stat.S_ISUID:
        yield "is setuid"
    if stat.S_ISREG(mode) and mode & stat.S_ISGID:
        yield "is setgid"
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        yield "is a device"
    if mode & stat.S_IWOTH and not stat.S_ISLNK(mode) and not _is_open(name, mode):
        yield "may be written by everybody"


def _is_open(name: str, mode: int) -> bool:
    """A device's rights are the engine's affair; a folder with the sticky bit is a place like /tmp."""
    if stat.S_ISDIR(mode) and mode & stat.S_ISVTX:
        return True
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        return True
    return any(name == place or name.startswith(f"{place}/") for place in _OPEN_TO_ALL)


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """Everything but what is mounted: /proc, /sys, /dev and what a build lends."""
    device = root.stat().st_dev
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                status = entry.stat(follow_symlinks=False)
                name = f"{folder}/{entry.name}" if folder else entry.name
                if stat.S_ISDIR(status.st_mode):
                    if status.st_dev != device:
                        continue
                    pending.append(name)
                yield name, status.st_mode
