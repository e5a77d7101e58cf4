"""What a run was asked and what came of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pruner.archs import Wanted
from pruner.library import Options
from pruner.report import FileReport, Outcome
from pruner.tree.globs import Globs

DONE, REFUSED, FAILED, INTERRUPTED = 0, 3, 4, 130
RECORD, MARKER, TREE = "record", "marker", "tree"
_NO_FILES = (RECORD, MARKER, TREE)
"""Kinds of rows that are about the tree and not about a file that could be pruned."""
LIBRARY = "pruner.library:prune_library"


@dataclass(frozen=True)
class Request:
    path: Path
    """A real one, as `walk.place_of` gives it."""
    wanted: Wanted
    options: Options = field(default_factory=Options)
    jobs: int = 1
    accept: Globs = field(default_factory=Globs)
    """What may be refused without a word in the exit code."""
    keep: Globs = field(default_factory=Globs)
    """What is not even looked at."""
    weight: tuple[Path, ...] = ()
    """Policies of what goes as a whole."""
    marker: Path | None = None
    """Where it is written down what was done."""
    prune: str = LIBRARY
    """Who prunes a library, as `module:function`."""


@dataclass(frozen=True)
class Result:
    root: Path
    request: Request
    rows: tuple[FileReport, ...]
    """Libraries, each once, and kernel folders, each as one."""
    removed: tuple[FileReport, ...] = ()
    """Every file that is gone."""
    records: tuple[str, ...] = ()
    """RECORD files brought up to date."""
    left: tuple[str, ...] = ()
    """What an interrupted run did not get to."""
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    policies: Mapping[str, str] = field(default_factory=dict)
    """Policies that this tree has seen carried out -> their hashes."""

    @property
    def is_torn(self) -> bool:
        """Whether files are not yet what RECORD or the marker says of them."""
        return any(row.kind in (RECORD, MARKER) for row in self.of(Outcome.FAILED))

    @property
    def refused(self) -> tuple[FileReport, ...]:
        """Refused, and nobody said that it may be. Of a whole tree, nobody can."""
        return tuple(row for row in self.of(Outcome.REFUSED) if not self._may_be(row))

    @property
    def accepted(self) -> tuple[FileReport, ...]:
        return tuple(row for row in self.of(Outcome.REFUSED) if self._may_be(row))

    def _may_be(self, row: FileReport) -> bool:
        return row.kind != TREE and row.path in self.request.accept

    @property
    def looked_at(self) -> int:
        """How many libraries and kernel folders; two rows may speak of one."""
        return len({row.path for row in self.rows if row.kind not in _NO_FILES})

    @property
    def before(self) -> int:
        """Bytes of all that was looked at."""
        return sum(row.before for row in self.rows)

    @property
    def after(self) -> int:
        return sum(row.after for row in self.rows)

    def of(self, outcome: Outcome) -> tuple[FileReport, ...]:
        return tuple(row for row in self.rows if row.outcome is outcome)

    @property
    def changed(self) -> tuple[FileReport, ...]:
        return (*self.of(Outcome.REMOVED), *self.of(Outcome.PRUNED))

    def labels(self, side: str) -> Mapping[str, int]:
        """Bytes per arch, `kept` or `dropped`, most first."""
        total: Counter[str] = Counter()
        for row in self.rows:
            total.update(getattr(row, side))
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        if self.of(Outcome.FAILED):
            return FAILED
        return REFUSED if self.refused else DONE


def failed(path: str, kind: str, reason: str, size: int = 0) -> FileReport:
    return FileReport(path, kind, Outcome.FAILED, size, size, reason=reason)
