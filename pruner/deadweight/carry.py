"""Carry a plan out on its tree, and leave it whole: no emptied folder, every RECORD as true as it was."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from pruner.deadweight.plan import Step, Tree, strip
from pruner.deadweight.policy import Action
from pruner.tree.links import relink
from pruner.tree.records import Fresh, amend

_Fates = dict[Path, Fresh | None]


def carry_out(tree: Tree, steps: Sequence[Step]) -> None:
    fates: _Fates = {}
    try:
        for step in steps:
            _ACTIONS[step.row.action](step, fates)
    finally:  # whatever stopped it, the tree agrees with its RECORD files
        _drop_emptied_folders(tree.root, fates)
        _amend_records(tree, fates)


def _keep(_step: Step, _fates: _Fates) -> None:
    """Planning has left these files out of every other row."""


def _delete(step: Step, fates: _Fates) -> None:
    for file in step.files:
        file.unlink()
        fates[file] = None


def _strip(step: Step, fates: _Fates) -> None:
    for file in step.files:
        report = strip(file, dry_run=False)
        fates[file] = Fresh(report.sha256, report.after)


def _link(step: Step, _fates: _Fates) -> None:
    for first, *others in step.twins:
        for other in others:
            entry = other.lstat()
            if not other.samefile(first):
                relink(first, other, (entry.st_dev, entry.st_ino))


def _drop_emptied_folders(root: Path, fates: _Fates) -> None:
    gone = (file for file, fate in fates.items() if fate is None)
    folders = {folder for file in gone for folder in file.relative_to(root).parents if folder.parts}
    for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        with suppress(OSError):  # it still holds something
            (root / folder).rmdir()


def _amend_records(tree: Tree, fates: _Fates) -> None:
    names = {path.relative_to(tree.root).as_posix(): fate for path, fate in fates.items()}
    for record in sorted(tree.site.glob("*.dist-info/RECORD")):
        amend(tree.root, record.relative_to(tree.root).as_posix(), names)


_ACTIONS: dict[Action, Callable[[Step, _Fates], None]] = {
    Action.KEEP: _keep,
    Action.DELETE: _delete,
    Action.STRIP: _strip,
    Action.LINK: _link,
}
