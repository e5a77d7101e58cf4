"""What a run does to files, or in a dry run would do: kernel folders first, then libraries, largest first."""

from collections.abc import Sequence
from dataclasses import replace

from pruner.errors import Refused
from pruner.folders.base import Folder, FolderPlan
from pruner.folders.links import Links, links_below
from pruner.folders.plan import plan_folder
from pruner.folders.remove import remove
from pruner.report import FileReport, Outcome
from pruner.tree.guard import Interruption
from pruner.tree.journal import Journal
from pruner.tree.links import follow, outside
from pruner.tree.pool import Job, Lost, Pool
from pruner.tree.progress import Progress
from pruner.tree.result import Request, Result, failed
from pruner.tree.upkeep import remove_temporaries_of
from pruner.tree.walk import Library, Tree

ELF = "elf"


class Work:
    """`journal` is None in a dry run."""

    def __init__(
        self,
        request: Request,
        tree: Tree,
        progress: Progress,
        interruption: Interruption,
        journal: Journal | None,
    ) -> None:
        self._request = request
        self._tree = tree
        self._progress = progress
        self._interruption = interruption
        self._journal = journal
        self._rows = [
            failed(name, "unread", f"cannot be read: {reason}") for name, reason in tree.unreadable.items()
        ]
        self._removed: list[FileReport] = []
        self._left: list[str] = []

    def folders(self) -> None:
        links = links_below(self._tree.root, self._tree.links)
        for folder in self._tree.kernels:
            if self._interruption:
                self._left.append(folder.path)
            else:
                self._folder(folder, links)

    def _folder(self, folder: Folder, links: Links) -> None:
        try:
            plan = plan_folder(self._tree.root, folder, self._request.wanted, links)
        except (OSError, Refused) as error:
            row = failed(folder.path, folder.form, str(error))
        else:
            row = self._carried_out(plan)
        self._progress.done(row)
        self._rows.append(row)

    def _carried_out(self, plan: FolderPlan) -> FileReport:
        if self._journal:
            for report in _of(plan, Outcome.REMOVED):
                self._journal.removing(report)
            plan = remove(self._tree.root, plan)
        self._removed += _of(plan, Outcome.REMOVED)
        if not plan.refused:  # the folder's own row has all bytes
            self._rows += (replace(report, before=0, after=0) for report in _of(plan, Outcome.REFUSED))
        return plan.report()

    def libraries(self, held: Sequence[int], passed_over: Sequence[str]) -> None:
        """`held` are descriptors that workers keep open, `passed_over` names of files that stay unseen."""
        pending = {one.name: one for one in self._tree.libraries if one.name not in passed_over}
        self._progress.begin(len(pending), sum(library.size for library in pending.values()))
        pool = Pool(self._request.jobs, self._interruption, held)

        def starting(job: Job) -> None:
            if self._journal:
                self._journal.start(pending[job.name])
            self._progress.start(job.name)

        jobs = [self._job(library) for library in pending.values()]
        for job, answer in pool.run(jobs, starting, self._progress.wait):
            row = self._settled(pending.pop(job.name), answer)
            if self._journal:
                self._journal.done(row)
            self._progress.done(row)
            self._rows.append(row)
        self._left += pending

    def _job(self, library: Library) -> Job:
        path = self._tree.path(library.name)
        given = (path, self._request.wanted, self._request.options)
        return Job(library.name, self._request.prune, given, {"name": library.name})

    def _settled(self, library: Library, answer: object) -> FileReport:
        if isinstance(answer, Lost):
            remove_temporaries_of(self._tree.path(library.name))
            return failed(library.name, ELF, answer.reason, library.size)
        if not isinstance(answer, FileReport):
            return failed(library.name, ELF, f"unexpected answer {answer!r}", library.size)
        if answer.outcome is not Outcome.PRUNED:
            return answer
        if self._journal:
            return follow(self._tree.root, library, answer)
        return replace(answer, notes=(*answer.notes, *outside(library)))

    def result(self) -> Result:
        return Result(
            root=self._tree.root,
            request=self._request,
            rows=tuple(self._rows),
            removed=tuple(self._removed),
            left=tuple(sorted(self._left)),
            interrupted=bool(self._interruption),
            notes=tuple(f"{name} is another file system: not entered" for name in self._tree.mounts),
        )


def _of(plan: FolderPlan, outcome: Outcome) -> list[FileReport]:
    return [report for report in plan.reports() if report.outcome is outcome]
