"""From rows and a tree to what is to be done: all of it is known, and found true, before a byte changes."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pruner.archs import Wanted
from pruner.deadweight.policy import Action, Family, Row
from pruner.errors import PrunerError
from pruner.library import Options, prune_library
from pruner.report import FileReport, Outcome
from pruner.tree.digest import size_and_hash

ELF = b"\x7fELF"
_SITES = ("opt/venv/lib/python3*/site-packages", "lib/python3*/site-packages")
_DONE = (Outcome.PRUNED, Outcome.UNCHANGED)


@dataclass(frozen=True)
class Tree:
    """An installation of Python packages."""

    root: Path
    """Nothing outside of it is touched."""
    site: Path
    prefix: Path | None
    """The environment around site-packages, where that is part of the tree."""

    def find(self, pattern: str) -> Iterator[Path]:
        """Every file and link that a pattern names, or that lies in a folder which it names."""
        top = self.prefix if pattern.startswith("/") else self.site
        if top is None:
            raise PrunerError(f"{pattern!r} is of an environment, and {self.root} is only its site-packages")
        for path in top.glob(pattern.removeprefix("/")):
            if not path.parent.resolve().is_relative_to(self.root):
                raise PrunerError(f"{pattern!r} leads through a link out of the tree, to {path.resolve()}")
            yield from files_below(path)


@dataclass(frozen=True)
class Step:
    """One row, and what it does to this tree."""

    row: Row
    files: tuple[Path, ...]
    freed: int
    twins: tuple[tuple[Path, ...], ...] = ()
    """Of a `link` row: files with the same bytes, the one that stays first."""


@dataclass
class _Seen:
    """What the rows so far have spoken for."""

    kept: dict[Path, str] = field(default_factory=dict)
    """By file: the table that shields it."""
    gone: set[Path] = field(default_factory=set)


def open_tree(layer: Path) -> Tree:
    """`layer` is a folder as `pip install --root` leaves it, a virtual environment, or its site-packages."""
    root = layer.resolve()
    if not root.is_dir():
        raise PrunerError(f"{layer} is no folder")
    if any(root.glob("*.dist-info")):
        return Tree(root, root, None)
    sites = [site for pattern in _SITES for site in root.glob(pattern)]
    if len(sites) != 1:
        found = ", ".join(site.relative_to(root).as_posix() for site in sorted(sites)) or "none"
        raise PrunerError(
            f"{layer} should hold one site-packages, and holds {found}",
            hint=f"looked for {' and '.join(_SITES)}, and for distributions in the folder itself",
        )
    return Tree(root, sites[0], sites[0].parents[2])


def files_below(path: Path) -> Iterator[Path]:
    if path.is_dir() and not path.is_symlink():
        yield from (inner for inner in path.rglob("*") if inner.is_symlink() or not inner.is_dir())
    else:
        yield path


def weight(paths: Iterable[Path]) -> int:
    """Bytes of these files; one with several names counts once."""
    entries = [path.lstat() for path in paths]
    return sum({(entry.st_dev, entry.st_ino): entry.st_size for entry in entries}.values())


def plan(tree: Tree, rows: Sequence[Row], family: Family) -> tuple[Step, ...]:
    seen = _Seen()
    return tuple(_step(tree, row, seen) for row in rows if family in row.families)


def _step(tree: Tree, row: Row, seen: _Seen) -> Step:
    try:
        files = _found(tree, row, seen)
        return _STEPS[row.action](row, files, seen)
    except PrunerError as error:
        raise PrunerError(f"{row.place}: {error.message}", hint=error.hint) from None


def _found(tree: Tree, row: Row, seen: _Seen) -> tuple[Path, ...]:
    found: set[Path] = set()
    for pattern in row.globs:
        matches = set(tree.find(pattern)) - seen.gone
        # One table may shield all that another speaks of: that one is for installations with less in them.
        if all(seen.kept.get(path) == row.table for path in matches):
            raise PrunerError(
                f"nothing matches {pattern!r}",
                hint="a policy is true of the versions that it was written for",
            )
        found |= matches - seen.kept.keys()
    return tuple(sorted(found))


def _keep(row: Row, files: tuple[Path, ...], seen: _Seen) -> Step:
    seen.kept |= dict.fromkeys(files, row.table)
    return Step(row, files, 0)


def _delete(row: Row, files: tuple[Path, ...], seen: _Seen) -> Step:
    seen.gone |= set(files)
    return Step(row, files, weight(files))


def _strip(row: Row, files: tuple[Path, ...], _seen: _Seen) -> Step:
    reports = {file: strip(file, dry_run=True) for file in files if not file.is_symlink()}
    smaller = {file: report for file, report in reports.items() if report.outcome is Outcome.PRUNED}
    if not smaller:
        raise PrunerError(f"{row.pattern!r} names nothing that has symbols to strip")
    return Step(row, tuple(smaller), sum(report.before - report.after for report in smaller.values()))


def strip(file: Path, *, dry_run: bool) -> FileReport:
    """Take symbols and debug data out."""
    with file.open("rb") as opened:
        if opened.read(len(ELF)) != ELF:
            raise PrunerError(f"{file} is no ELF file")
    report = prune_library(file, Wanted(), Options(least_gain=1, dry_run=dry_run), name=file.name)
    if report.outcome not in _DONE:
        raise PrunerError(
            f"{file} does not let itself be stripped: {report.reason}", hint="shield it with `keep`"
        )
    return report


def _link(row: Row, files: tuple[Path, ...], _seen: _Seen) -> Step:
    alike: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        if not file.is_symlink():
            alike[size_and_hash(file)[1]].append(file)
    for first, *others in alike.values():
        _must_be_twins(first, others)
    twins = tuple(map(tuple, alike.values()))
    freed = sum(weight(paths) - paths[0].stat().st_size for paths in twins)
    return Step(row, files, freed, twins)


def _must_be_twins(first: Path, others: list[Path]) -> None:
    if not others:
        raise PrunerError(f"no other file equals {first}")
    kinds = {(entry.st_mode, entry.st_uid, entry.st_gid) for entry in map(os.lstat, [first, *others])}
    if len(kinds) > 1:
        raise PrunerError(
            f"mode or owner of {first} and its equals differ", hint="one file has one mode and owner"
        )
    if weight([first, *others]) == first.stat().st_size:
        raise PrunerError(f"{first} and its equals are one file already")


_STEPS = {Action.KEEP: _keep, Action.DELETE: _delete, Action.STRIP: _strip, Action.LINK: _link}
