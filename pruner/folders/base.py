"""What is said about kernel folders: to this room by a walk, by this room to a report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pruner.formats.base import Match
from pruner.report import FileReport, Outcome

SHARED = "shared"
"""The label of a file that belongs to no chip in particular."""


@dataclass(frozen=True)
class Folder:
    """One kernel folder that a walk came upon."""

    form: str
    path: str
    """Below the root of the run, with slashes; `.` where the root lies within the folder."""
    members: tuple[str, ...]
    """Its files and symbolic links, likewise, in order. No other room needs to look at them."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one file."""

    path: str
    """Below the root of the run, with slashes."""
    outcome: Outcome
    """REMOVED (to be removed, in a plan), UNCHANGED, REFUSED or FAILED."""
    label: str
    """The chip it is for: `gfx1100`, `gfx90a:xnack+`, `gfx110x`, `sm_90`, or `shared`."""
    size: int
    """Bytes; 0 for a symbolic link."""
    reason: str = ""
    follows: str = ""
    """For a link from elsewhere: the file of this folder that it leads to and goes with."""


@dataclass(frozen=True)
class FolderPlan:
    """What becomes of one folder; after `remove`, what became of it."""

    form: str
    path: str
    decisions: tuple[Decision, ...]
    serves: Mapping[str, Match] = field(default_factory=dict)
    """Wanted chip -> how what stays serves it."""
    refused: str = ""
    """Why the whole folder stays as it is."""
    notes: tuple[str, ...] = ()

    @property
    def before(self) -> int:
        return sum(decision.size for decision in self.decisions)

    @property
    def after(self) -> int:
        return self.before - sum(self.dropped.values())

    @property
    def kept(self) -> Mapping[str, int]:
        """Label -> bytes that stay."""
        return self._bytes(gone=False)

    @property
    def dropped(self) -> Mapping[str, int]:
        return self._bytes(gone=True)

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(one.path for one in self.decisions if one.outcome is Outcome.REMOVED)

    @property
    def outcome(self) -> Outcome:
        """Of the folder as one: PRUNED, UNCHANGED, REFUSED, or FAILED where a file could not be removed."""
        if self.refused:
            return Outcome.REFUSED
        found = {decision.outcome for decision in self.decisions}
        if Outcome.FAILED in found:
            return Outcome.FAILED
        return Outcome.PRUNED if Outcome.REMOVED in found else Outcome.UNCHANGED

    def report(self) -> FileReport:
        """The folder in one row."""
        return FileReport(
            path=self.path,
            kind=self.form,
            outcome=self.outcome,
            before=self.before,
            after=self.after,
            reason=self.refused or self._trouble(),
            kept=self.kept,
            dropped=self.dropped,
            serves={chip: {match: 1} for chip, match in self.serves.items()},
            notes=self.notes,
        )

    def reports(self) -> tuple[FileReport, ...]:
        """A row for each of its files."""
        return tuple(self._row(decision) for decision in self.decisions)

    def _bytes(self, *, gone: bool) -> Mapping[str, int]:
        total = Counter[str]()
        for decision in self.decisions:
            if (decision.outcome is Outcome.REMOVED) is gone:
                total[decision.label] += decision.size
        return dict(sorted(total.items()))

    def _trouble(self) -> str:
        return next((one.reason for one in self.decisions if one.outcome is Outcome.FAILED), "")

    def _row(self, decision: Decision) -> FileReport:
        gone = decision.outcome is Outcome.REMOVED
        sizes = {decision.label: decision.size}
        return FileReport(
            path=decision.path,
            kind=self.form,
            outcome=decision.outcome,
            before=decision.size,
            after=0 if gone else decision.size,
            reason=decision.reason or self.refused,
            kept={} if gone else sizes,
            dropped=sizes if gone else {},
        )
