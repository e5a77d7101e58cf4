"""One run over a tree, from the lock to the dates of its folders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pruner import marker
from pruner.errors import PrunerError
from pruner.marker import Marker
from pruner.report import FileReport, Outcome
from pruner.tree.guard import Interruption, locked
from pruner.tree.journal import Journal, journal_of
from pruner.tree.machine import options_as_json
from pruner.tree.marking import lost_for_good, marked
from pruner.tree.place import put
from pruner.tree.progress import Progress
from pruner.tree.result import MARKER, TREE, Request, Result, failed
from pruner.tree.upkeep import amend_records, restore_dates, sweep
from pruner.tree.walk import Skip, Tree, survey
from pruner.tree.weight import Relief, relieve
from pruner.tree.work import Work


def prune_tree(request: Request, progress: Progress) -> Result:
    """Raises PrunerError where the run cannot begin; whatever goes wrong later is in the result."""
    with locked(request.path) as lock, Interruption() as interruption:
        old = (marker.load(request.marker) if request.marker else None) or Marker()
        lost = tuple(lost_for_good(old, request.wanted, request.path))
        if any(row.kind == TREE for row in lost):
            return Result(request.path, request, rows=lost)
        run = _Run(request, old, lost, progress, interruption, lock)
        return run.dry() if request.options.dry_run else run.real()


@dataclass(frozen=True)
class _Run:
    request: Request
    old: Marker
    lost: tuple[FileReport, ...]
    """What an earlier run has made useless for what this one wants."""
    progress: Progress
    interruption: Interruption
    lock: int

    def dry(self) -> Result:
        relief = self._relieve(self.old.policies)
        gone = {report.path for report in relief.removed}
        tree = self._survey(lambda name: name in self.request.keep or name in gone)
        return self._work(tree, relief, None)

    def real(self) -> Result:
        journal = Journal(journal_of(self.request.path))
        journal.past.finish_links(self.request.path)
        keep = self.request.keep.__contains__
        before = self._survey(keep)
        relief = self._relieve({**self.old.policies, **journal.past.policies})
        journal.open(before.dates, relief.policies)
        tree = replace(self._survey(keep), dates=before.dates) if relief.removed else before
        sweep(tree, journal.path)
        result = journal.past.completed(self._work(tree, relief, journal))
        result = amend_records(result, tree)
        result = _with_marker(result, self.old)
        journal.close(whole=not result.is_torn)
        restore_dates(tree, journal.past.dates)
        return result

    def _survey(self, skip: Skip) -> Tree:
        return survey(self.request.path, skip, self.request.options.least_gain)

    def _relieve(self, done: Mapping[str, str]) -> Relief:
        request = self.request
        if not request.weight:
            return Relief(policies=done)
        return relieve(
            self.request.path, request.weight, request.wanted, done, dry_run=request.options.dry_run
        )

    def _work(self, tree: Tree, relief: Relief, journal: Journal | None) -> Result:
        for row in relief.rows:
            self.progress.done(row)
        work = Work(self.request, tree, self.progress, self.interruption, journal)
        try:
            work.folders()
            work.libraries([self.lock], [row.path for row in self.lost])
        finally:
            self.progress.end()
        result = work.result()
        result = replace(
            result,
            rows=(*relief.rows, *result.rows, *self.lost),
            removed=(*relief.removed, *result.removed),
            policies=relief.policies,
        )
        return replace(result, notes=(*relief.notes, *result.notes, *_slips(result, tree)))


def _slips(result: Result, tree: Tree) -> Iterator[str]:
    """Patterns that name nothing; an interrupted run has not seen everything."""
    request = result.request
    if not result.interrupted:
        refused = [row.path for row in result.of(Outcome.REFUSED)]
        yield from (f"--keep {pattern!r} names nothing here" for pattern in request.keep.unmet(tree.kept))
        yield from (
            f"--accept {pattern!r} names nothing that was refused"
            for pattern in request.accept.unmet(refused)
        )


def _with_marker(result: Result, old: Marker) -> Result:
    place = result.request.marker
    fresh = marked(old, result, options_as_json(result.request))
    if place is None or fresh is None:
        return result
    content = marker.dump(fresh)
    try:
        if not (place.is_file() and place.read_bytes() == content):
            put(place, content)
    except (PrunerError, OSError) as error:
        return replace(result, rows=(*result.rows, failed(str(place), MARKER, str(error))))
    return result
