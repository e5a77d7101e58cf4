"""Dead weight by policy, before anything is pruned: what goes as a whole need not be made smaller first."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pruner.archs import Wanted
from pruner.deadweight.carry import carry_out
from pruner.deadweight.plan import Step, open_tree, plan
from pruner.deadweight.policy import Action, Family, read_policy
from pruner.errors import PrunerError
from pruner.report import FileReport, Outcome

WEIGHT = "weight"


@dataclass(frozen=True)
class Relief:
    """What policies took out, or in a dry run would."""

    rows: tuple[FileReport, ...] = ()
    """One for each row of a policy."""
    removed: tuple[FileReport, ...] = ()
    policies: Mapping[str, str] = field(default_factory=dict)
    """Name -> hash: a policy is true of a tree once, and says of a second time that it finds nothing."""
    notes: tuple[str, ...] = ()


def relieve(
    root: Path, policies: Sequence[Path], wanted: Wanted, done: Mapping[str, str], *, dry_run: bool
) -> Relief:
    """Carry out those policies that are not done yet. All is planned before a byte changes."""
    hashes = {policy: _hash(policy) for policy in policies}
    fresh = [policy for policy in policies if done.get(policy.name) != hashes[policy]]
    notes = tuple(f"{policy.name}: done by an earlier run" for policy in policies if policy not in fresh)
    if not fresh:
        return Relief(policies=done, notes=notes)
    tree = open_tree(root)
    steps = plan(tree, [row for policy in fresh for row in read_policy(policy)], _family(wanted))
    removed = tuple(_removed(tree.root, steps))
    rows = tuple(_row(step) for step in steps if step.row.action is not Action.KEEP)
    if not dry_run:
        carry_out(tree, steps)
    return Relief(rows, removed, {**done, **{policy.name: hashes[policy] for policy in fresh}}, notes)


def _hash(policy: Path) -> str:
    try:
        return hashlib.sha256(policy.read_bytes()).hexdigest()
    except OSError as error:
        raise PrunerError(f"cannot read the policy {policy}: {error.strerror}", hint="name a file") from None


def _family(wanted: Wanted) -> Family:
    if wanted.gfx and wanted.sm:
        raise PrunerError("a policy is for the GPUs of one vendor", hint="leave out --weight, or one vendor")
    return Family.ROCM if wanted.gfx else Family.CUDA


def _row(step: Step) -> FileReport:
    return FileReport(
        step.row.pattern, WEIGHT, Outcome.REMOVED, before=step.freed, after=0, reason=step.row.reason
    )


def _removed(root: Path, steps: Sequence[Step]) -> Iterator[FileReport]:
    for step in steps:
        if step.row.action is Action.DELETE:
            for file in step.files:
                name, weight = file.relative_to(root).as_posix(), file.lstat().st_size
                yield FileReport(name, WEIGHT, Outcome.REMOVED, weight, 0, reason=step.row.reason)
