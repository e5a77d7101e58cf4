"""Whether libraries and kernel folders hold code for the target's chips alone: the pruner, run dry."""

import sys
from collections.abc import Iterator
from pathlib import Path

from checks.subject import Fault, Finding, Subject
from pruner.archs import Ptx, Wanted, parse_archs
from pruner.library import Options
from pruner.report import FileReport, Outcome
from pruner.tree.pool import default_jobs
from pruner.tree.progress import Progress
from pruner.tree.result import Request
from pruner.tree.run import prune_tree
from pruner.tree.words import size

_PRUNE = "let the pruner run on the layer that brings it, for {archs}"
_ACCEPT = "give the target a build of it with code for its chips, or name it in accept"


def own_alone(subject: Subject) -> Finding:
    faults: list[Fault] = []
    held: set[str] = set()
    accepted: list[str] = []
    for tree in subject.trees:
        for row in _rows(subject, tree):
            name = f"{tree.relative_to(subject.root.resolve())}/{row.path}"
            if row.outcome is Outcome.REFUSED and subject.is_excused(name, subject.expect.accept):
                accepted.append(name)
            else:
                faults += _faults(subject, name, row)
                held.update(row.kept)
    return Finding(faults, {"code": sorted(held), "accepted": sorted(accepted)})


def _rows(subject: Subject, tree: Path) -> tuple[FileReport, ...]:
    expect = subject.expect
    gfx, sm = parse_archs(expect.archs)
    request = Request(
        path=tree,
        wanted=Wanted(gfx, sm, Ptx(expect.ptx), expect.embedded),
        options=Options(strip=False, dry_run=True),
        jobs=default_jobs(),
    )
    result = prune_tree(request, Progress(sys.stderr, lines=False))
    if result.interrupted:
        raise KeyboardInterrupt
    return result.rows


def _faults(subject: Subject, name: str, row: FileReport) -> Iterator[Fault]:
    archs = ", ".join(subject.expect.archs)
    if row.outcome is Outcome.PRUNED and row.dropped:
        others = ", ".join(f"{label} ({size(weight)})" for label, weight in sorted(row.dropped.items()))
        yield Fault(f"{name} holds code for other chips: {others}", _PRUNE.format(archs=archs))
    if row.outcome in (Outcome.FAILED, Outcome.REFUSED):
        yield Fault(f"{name}: {row.reason}", _ACCEPT)
