"""One file with several names stays one file: its other names are pointed at the new one."""

import os
import secrets
from dataclasses import replace
from pathlib import Path

from pruner.replace import LEFTOVER, prefix_for
from pruner.report import FileReport
from pruner.tree.walk import Library
from pruner.tree.words import count


def follow(root: Path, library: Library, report: FileReport) -> FileReport:
    """Give the new file its other names in the tree; the report, with what could not be."""
    notes = list(report.notes)
    for other in library.names[1:]:
        try:
            relink(root / library.name, root / other, library.identity)
        except OSError as error:
            notes.append(f"{other} is still a link to the old file: {error.strerror}")
    return replace(report, notes=(*notes, *outside(library)))


def outside(library: Library) -> tuple[str, ...]:
    if not library.names_outside:
        return ()
    return (f"{count(library.names_outside, 'hard link')} outside of the tree: the old bytes stay there",)


def relink(new: Path, other: Path, identity: tuple[int, int]) -> None:
    """Make `other` a name of `new`, if it is still one of the old file."""
    status = other.lstat()
    if (status.st_dev, status.st_ino) != identity:
        raise FileExistsError(0, "somebody has put another file there meanwhile")
    beside = other.with_name(f"{prefix_for(other)}{secrets.token_hex(4)}{LEFTOVER}")
    os.link(new, beside)
    try:
        beside.replace(other)
    except OSError:
        beside.unlink()
        raise
