"""Doing what a plan says."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from pruner.folders.base import Decision, FolderPlan
from pruner.report import Outcome


def remove(root: Path, plan: FolderPlan) -> FolderPlan:
    """Delete what the plan removes, then the folders that this emptied; the answer says what was done.

    What the system does not let go of is FAILED, with its reason. A file that is gone already is no failure.
    """
    done: dict[str, Decision] = {}
    for decision in plan.decisions:
        leader = done.get(decision.follows)
        if leader and leader.outcome is Outcome.FAILED:
            done[decision.path] = _failed(decision, leader.reason)
        else:
            done[decision.path] = _carry_out(root, decision)
    result = replace(plan, decisions=tuple(done.values()))
    for folder in {PurePosixPath(path).parent for path in result.removed}:
        _drop_empty(root, folder)
    return result


def _carry_out(root: Path, decision: Decision) -> Decision:
    if decision.outcome is not Outcome.REMOVED:
        return decision
    try:
        (root / decision.path).unlink(missing_ok=True)
    except OSError as error:
        return _failed(decision, f"cannot be removed: {error.strerror}")
    return decision


def _failed(decision: Decision, reason: str) -> Decision:
    return replace(decision, outcome=Outcome.FAILED, reason=reason)


def _drop_empty(root: Path, folder: PurePosixPath) -> None:
    """Remove this folder and those around it, up to the root, as far as they are empty."""
    for one in (folder, *folder.parents):
        if one == PurePosixPath():
            return
        try:
            (root / one).rmdir()
        except OSError:
            return
