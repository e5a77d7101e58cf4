"""One run over a tree, from the lock to the dates of its folders."""

from dataclasses import replace

from pruner import marker
from pruner.errors import PrunerError
from pruner.marker import Marker
from pruner.report import FileReport
from pruner.tree.guard import Interruption, locked
from pruner.tree.journal import Journal, journal_of
from pruner.tree.machine import options_as_json
from pruner.tree.marking import TREE, lost_for_good, marked
from pruner.tree.place import put
from pruner.tree.progress import Progress
from pruner.tree.result import MARKER, Request, Result, failed
from pruner.tree.upkeep import amend_records, restore_dates, sweep
from pruner.tree.walk import Tree, survey
from pruner.tree.work import Work


def prune_tree(request: Request, progress: Progress) -> Result:
    """Raises PrunerError where the run cannot begin; whatever goes wrong later is in the result."""
    with locked(request.path) as lock, Interruption() as interruption:
        old = marker.load(request.marker) if request.marker else None
        lost = tuple(lost_for_good(old, request.wanted)) if old else ()
        if any(row.kind == TREE for row in lost):
            return Result(request.path, request, rows=lost)
        run = _Run(request, progress, interruption, lock, lost)
        return run.dry() if request.options.dry_run else run.real(old)


class _Run:
    def __init__(
        self,
        request: Request,
        progress: Progress,
        interruption: Interruption,
        lock: int,
        lost: tuple[FileReport, ...],
    ) -> None:
        self._request = request
        self._progress = progress
        self._interruption = interruption
        self._lock = lock
        self._lost = lost

    def dry(self) -> Result:
        return self._work(survey(self._request.path, self._request.keep), None)

    def real(self, old: Marker | None) -> Result:
        place = self._request.path.resolve()
        journal = Journal(journal_of(place))
        journal.past.finish_links(place)
        tree = survey(place, self._request.keep)
        journal.open(tree.dates)
        sweep(tree, journal.path)
        result = journal.past.completed(self._work(tree, journal))
        result = amend_records(result, tree)
        result = _with_marker(result, old)
        journal.close(whole=not result.is_torn)
        restore_dates(tree, journal.past.dates)
        return result

    def _work(self, tree: Tree, journal: Journal | None) -> Result:
        work = Work(self._request, tree, self._progress, self._interruption, journal)
        try:
            work.folders()
            work.libraries([self._lock], [row.path for row in self._lost])
        finally:
            self._progress.end()
        result = work.result()
        return replace(result, rows=(*result.rows, *self._lost))


def _with_marker(result: Result, old: Marker | None) -> Result:
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
