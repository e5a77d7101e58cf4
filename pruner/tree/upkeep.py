"""What keeps a tree true and tidy around the pruning: leftovers, RECORD files, dates of folders."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pruner.errors import Refused
from pruner.replace import LEFTOVER, prefix_for
from pruner.report import FileReport, Outcome
from pruner.tree.records import Fates, Fresh, amend, outside
from pruner.tree.result import RECORD, Result, failed
from pruner.tree.walk import Tree


def sweep(tree: Tree, journal: Path) -> None:
    """Remove what runs that were killed have left, but for their journal."""
    for name in tree.leftovers:
        if tree.path(name) != journal:
            with suppress(OSError):
                tree.path(name).unlink()


def remove_temporaries_of(path: Path) -> None:
    """The files that were to become this one."""
    for left in path.parent.iterdir():
        if left.name.startswith(prefix_for(path)) and left.name.endswith(LEFTOVER):
            with suppress(OSError):
                left.unlink()


def amend_records(result: Result, tree: Tree) -> Result:
    """Bring every RECORD up to date; the result, saying so."""
    fates = _fates(result, tree)
    amended: list[str] = []
    troubles: list[FileReport] = []
    for record in tree.records if fates else ():
        try:
            if amend(tree.root, record, fates):
                amended.append(record)
        except (OSError, Refused) as error:
            troubles.append(failed(record, RECORD, f"its rows are out of date: {error}"))
    around = outside(tree.root, fates) if fates else []
    notes = [f"{record} lists what has changed here, and lies outside" for record in around]
    return replace(
        result,
        records=tuple(amended),
        rows=(*result.rows, *troubles),
        notes=(*result.notes, *notes),
    )


def _fates(result: Result, tree: Tree) -> Fates:
    fates: dict[str, Fresh | None] = {report.path: None for report in result.removed}
    names = {library.name: library.names for library in tree.libraries}
    for row in result.of(Outcome.PRUNED):
        if row.sha256:
            fates |= dict.fromkeys(names.get(row.path, (row.path,)), Fresh(row.sha256, row.after))
    return fates


def restore_dates(tree: Tree, first: Mapping[str, tuple[int, int]]) -> None:
    """Give folders the dates again that they had before files in them were replaced; `first` are those from
    before earlier runs, which were killed."""
    for folder, dates in {**tree.dates, **first}.items():
        with suppress(OSError, OverflowError):
            if tree.path(folder).stat().st_mtime_ns != dates[1]:
                os.utime(tree.path(folder), ns=dates)
