"""What a run has begun and done, written down as it goes, for the run after one that was killed.

Pruning a file is one step that happens or does not. Its other names, its row in RECORD and the marker come
later; a run that is killed in between leaves its journal, and the next one makes up for what is missing.
A run that ends by itself, be it after Ctrl-C, removes its journal.
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from pruner.replace import LEFTOVER
from pruner.report import FileReport, Outcome
from pruner.tree.digest import size_and_hash
from pruner.tree.links import relink
from pruner.tree.result import Result
from pruner.tree.walk import Library
from pruner.untrusted import counts, inside, typed

NAME = f".journal{LEFTOVER}"
_SHAPE = FileReport("", "", Outcome.PRUNED, 0, 0)
_NOTE = "done by an earlier run, which was killed"


@dataclass(frozen=True)
class _Begun:
    size: int
    names: tuple[str, ...]
    identity: tuple[int, int]


@dataclass
class Past:
    """What a journal tells."""

    dates: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Folders' dates before the first run."""
    begun: dict[str, _Begun] = field(default_factory=dict)
    removing: dict[str, FileReport] = field(default_factory=dict)
    done: dict[str, FileReport] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)

    def finish_links(self, root: Path) -> None:
        """A file that was pruned, but not yet under all of its names."""
        for name, begun in self.begun.items():
            for other in begun.names[1:]:
                with suppress(OSError):
                    if not (root / name).samefile(root / other):
                        relink(root / name, root / other, begun.identity)

    def completed(self, result: Result) -> Result:
        """The result of a run, with what those before it did and could not tell any more."""
        rest = {name: report for name, report in self.done.items() if _is_true(result.root, report)}
        rows = [self._of_both(result.root, row, rest.pop(row.path, None)) for row in result.rows]
        removed = [report for name, report in self.removing.items() if not (result.root / name).exists()]
        return replace(
            result,
            rows=(*rows, *map(_noted, rest.values())),
            removed=(*result.removed, *map(_noted, removed)),
        )

    def _of_both(self, root: Path, now: FileReport, then: FileReport | None) -> FileReport:
        if now.outcome is not Outcome.UNCHANGED:
            return now
        if then is not None:
            return _noted(then)
        begun = self.begun.get(now.path)
        if begun is None or begun.size <= now.after:
            return now
        _, digest = size_and_hash(root / now.path)
        return _noted(replace(now, outcome=Outcome.PRUNED, before=begun.size, sha256=digest))


class Journal:
    def __init__(self, path: Path) -> None:
        self.past = _read(path)
        self.path = path
        self._stream: TextIO | None = None

    def open(self, dates: Mapping[str, tuple[int, int]], policies: Mapping[str, str]) -> None:
        """Begin with the dates of folders, and the policies of dead weight that have been carried out."""
        with suppress(OSError):  # where no journal can be made, no file can be replaced either
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._stream = os.fdopen(_opened(self.path, flags), "a", encoding="utf-8")
        self._write({"dates": dates, "policies": policies})

    def start(self, library: Library) -> None:
        self._write(
            {
                "begun": library.name,
                "size": library.size,
                "names": library.names,
                "identity": library.identity,
            }
        )

    def removing(self, report: FileReport) -> None:
        self._write({"removing": asdict(report)})

    def done(self, report: FileReport) -> None:
        if report.outcome is Outcome.PRUNED:
            self._write({"done": asdict(report)})

    def close(self, *, whole: bool) -> None:
        """`whole`: nothing is left to be made up for."""
        with suppress(OSError):
            if self._stream is not None:
                self._stream.close()
        with suppress(OSError):
            if whole:
                self.path.unlink()

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._stream is None:
            return
        with suppress(OSError):
            self._stream.write(json.dumps(entry) + "\n")
            self._stream.flush()


def journal_of(path: Path) -> Path:
    """Where the journal of a run on this folder or file lies."""
    return path / NAME if path.is_dir() else path.with_name(f".{path.name}{NAME}")


def _opened(path: Path, flags: int) -> int:
    """Only a plain file of this folder: whoever made the tree may have put anything under this name."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileExistsError(f"{path} is no plain file")
    return descriptor


def _read(path: Path) -> Past:
    past = Past()
    try:
        with os.fdopen(_opened(path, os.O_RDONLY), encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return past
    for line in lines:
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):  # half a line, say
            _learn(past, json.loads(line))
    return past


def _learn(past: Past, entry: Mapping[str, Any]) -> None:
    if "dates" in entry:
        dates = {
            inside(folder): (typed(int, read), typed(int, changed))
            for folder, (read, changed) in entry["dates"].items()
        }
        past.dates = dates | past.dates
        past.policies |= {name: typed(str, digest) for name, digest in entry["policies"].items()}
    elif "begun" in entry:
        begun = _Begun(
            typed(int, entry["size"]), tuple(map(inside, entry["names"])), tuple(entry["identity"])
        )
        past.begun.setdefault(inside(entry["begun"]), begun)
    elif "removing" in entry:
        report = _report(entry["removing"])
        past.removing.setdefault(inside(report.path), report)
    else:
        report = _report(entry["done"])
        past.done.setdefault(inside(report.path), report)


def _report(data: Mapping[str, Any]) -> FileReport:
    report = FileReport(**{**data, "outcome": Outcome(data["outcome"]), "notes": tuple(data["notes"])})
    for name, value in vars(_SHAPE).items():
        typed(type(value), getattr(report, name))
    for numbers in (report.kept, report.dropped, report.unknown, *report.serves.values()):
        counts(numbers)
    for text in (*report.notes, *report.layout.values()):
        typed(str, text)
    return report


def _is_true(root: Path, report: FileReport) -> bool:
    """Whether the file is what it was to become."""
    try:
        return size_and_hash(root / report.path) == (report.after, report.sha256)
    except OSError:
        return False


def _noted(report: FileReport) -> FileReport:
    return replace(report, notes=(*report.notes, _NOTE))
