"""One run over a tree, from the lock to the dates of its folders."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pruner.report import FileReport, Outcome
from pruner.tree.guard import LEFTOVER, Interruption, locked
from pruner.tree.journal import Journal, journal_of
from pruner.tree.links import follow, outside
from pruner.tree.pool import Job, Lost, Pool
from pruner.tree.progress import Progress
from pruner.tree.records import Fresh, amend
from pruner.tree.result import Request, Result
from pruner.tree.walk import Library, Tree, survey


class _Watcher(Protocol):
    def start(self, library: Library) -> None: ...

    def done(self, report: FileReport) -> None: ...


def prune_tree(request: Request, progress: Progress) -> Result:
    """Raises PrunerError where the run cannot begin; whatever goes wrong later is in the result."""
    with locked(request.path) as lock, Interruption() as interruption:
        if request.options.dry_run:
            tree = survey(request.path)
            return _Work(request, tree, interruption, lock).libraries(progress, [progress])
        return _real(request, progress, interruption, lock)


def _real(request: Request, progress: Progress, interruption: Interruption, lock: int) -> Result:
    place = request.path.resolve()
    journal = Journal(journal_of(place))
    past = journal.past
    past.finish_links(place)
    tree = survey(place)
    journal.open(tree.folders)
    _sweep(tree, journal_of(place))
    result = _Work(request, tree, interruption, lock).libraries(progress, [progress, journal])
    result = replace(
        result,
        rows=past.rows(tree.root, result.rows),
        removed=(*result.removed, *past.removed(tree.root)),
    )
    result = _with_records(result, tree)
    journal.close(whole=not any(row.kind == RECORD for row in result.rows))
    _restore_dates(tree, past.times)
    return result


RECORD = "record"


class _Work:
    """What is done to files, or in a dry run would be."""

    def __init__(self, request: Request, tree: Tree, interruption: Interruption, lock: int) -> None:
        self._request = request
        self._tree = tree
        self._interruption = interruption
        self._lock = lock

    def libraries(self, progress: Progress, watchers: Iterable[_Watcher]) -> Result:
        pending = {library.name: library for library in self._chosen()}
        progress.begin(len(pending), sum(library.size for library in pending.values()))
        pool = Pool(self._request.jobs, self._interruption, held=[self._lock])

        def starting(job: Job) -> None:
            for watcher in watchers:
                watcher.start(pending[job.name])

        rows = [_unreadable(name, reason) for name, reason in self._tree.unreadable.items()]
        for job, answer in pool.run(map(self._job, [*pending.values()]), starting, progress.wait):
            row = self._settled(pending.pop(job.name), answer)
            for watcher in watchers:
                watcher.done(row)
            rows.append(row)
        progress.end()
        return Result(
            root=self._tree.root,
            request=self._request,
            rows=tuple(rows),
            left=tuple(sorted(pending)),
            interrupted=bool(self._interruption),
            notes=tuple(f"{name} is another file system: not entered" for name in self._tree.mounts),
        )

    def _chosen(self) -> list[Library]:
        """The largest first, so that none of them is the last one running."""
        kept = self._request.keep
        return sorted(
            (one for one in self._tree.libraries if not any(name in kept for name in one.names)),
            key=lambda library: (-library.size, library.name),
        )

    def _job(self, library: Library) -> Job:
        return Job(
            library.name,
            self._request.prune,
            (self._tree.path(library.name), self._request.wanted, self._request.options),
            {"name": library.name},
        )

    def _settled(self, library: Library, answer: object) -> FileReport:
        if isinstance(answer, Lost):
            _remove_temporaries_of(self._tree.path(library.name))
            return _failed(library.name, "elf", answer.reason, library.size)
        if not isinstance(answer, FileReport):
            return _failed(library.name, "elf", f"unexpected answer {answer!r}", library.size)
        if answer.outcome is not Outcome.PRUNED:
            return answer
        if self._request.options.dry_run:
            return replace(answer, notes=(*answer.notes, *outside(library)))
        return follow(self._tree.root, library, answer)


def _unreadable(name: str, reason: str) -> FileReport:
    return _failed(name, "unread", f"cannot be read: {reason}", 0)


def _failed(name: str, kind: str, reason: str, size: int) -> FileReport:
    return FileReport(name, kind, Outcome.FAILED, size, size, reason=reason)


def _sweep(tree: Tree, journal: Path) -> None:
    """Remove what runs that were killed have left."""
    for name in tree.leftovers:
        if tree.path(name) != journal:
            with suppress(OSError):
                tree.path(name).unlink()


def _remove_temporaries_of(path: Path) -> None:
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}.") and left.name.endswith(LEFTOVER):
            with suppress(OSError):
                left.unlink()


def _with_records(result: Result, tree: Tree) -> Result:
    """Bring every RECORD up to date."""
    fates: dict[str, Fresh | None] = {report.path: None for report in result.removed}
    names = {library.name: library.names for library in tree.libraries}
    for row in result.of(Outcome.PRUNED):
        if row.sha256:
            fates |= dict.fromkeys(names.get(row.path, (row.path,)), Fresh(row.sha256, row.after))
    amended, failed = _amend_all(tree, fates)
    return replace(result, records=tuple(amended), rows=(*result.rows, *failed))


def _amend_all(tree: Tree, fates: Mapping[str, Fresh | None]) -> tuple[list[str], list[FileReport]]:
    amended, failed = [], []
    for record in tree.records if fates else ():
        try:
            if amend(tree.root, record, fates):
                amended.append(record)
        except OSError as error:
            failed.append(_failed(record, RECORD, f"its rows are out of date: {error.strerror}", 0))
    return amended, failed


def _restore_dates(tree: Tree, first: Mapping[str, tuple[int, int]]) -> None:
    """A folder in which files were replaced has the dates again that it had."""
    for folder, times in {**tree.folders, **first}.items():
        with suppress(OSError):
            if tree.path(folder).stat().st_mtime_ns != times[1]:
                os.utime(tree.path(folder), ns=times)
