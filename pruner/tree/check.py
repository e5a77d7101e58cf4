"""Whether a tree is what its marker says: changed files to the byte, and no code for other chips."""

from collections.abc import Iterator
from pathlib import Path

from pruner import marker
from pruner.archs import Ptx, Wanted
from pruner.errors import PrunerError
from pruner.library import Layout, Options
from pruner.marker import Marker, Shrunk
from pruner.report import FileReport, Outcome
from pruner.tree.digest import size_and_hash
from pruner.tree.globs import Globs
from pruner.tree.progress import Progress
from pruner.tree.result import Request
from pruner.tree.run import prune_tree
from pruner.tree.words import size


def faults(path: Path, place: Path, jobs: int, progress: Progress) -> Iterator[str]:
    """A line for each thing that is not as it should be. `path` is a real one."""
    try:
        found = marker.load(place)
    except PrunerError as error:
        yield error.message
        return
    if found is None:
        yield f"{place} is not there: nothing says what this tree was pruned to (--marker names another)"
        return
    for name, file in found.files.items():
        yield from _of_file(path / name, name, file)
    for name in found.removed:
        if (path / name).exists():
            yield f"{name} is back: it was removed"
    try:
        request = _dry_run(path, found, jobs)
    except (KeyError, ValueError, TypeError) as error:
        yield f"{place} has no options that this pruner knows: {error}"
        return
    result = prune_tree(request, progress)
    if result.interrupted:
        raise KeyboardInterrupt
    for row in result.rows:
        yield from _of_row(row, found)


def _of_file(path: Path, name: str, file: Shrunk) -> Iterator[str]:
    try:
        there, digest = size_and_hash(path)
    except OSError as error:
        yield f"{name} cannot be read: {'it is a link' if path.is_symlink() else error.strerror}"
        return
    if there != file.size:
        yield f"{name} has {there:,} bytes, not {file.size:,}"
    elif digest != file.sha256:
        yield f"{name} has another hash: sha256 {digest}, not {file.sha256}"


def _dry_run(path: Path, found: Marker, jobs: int) -> Request:
    """The run that made the marker, again. What is stripped is nobody's code."""
    options = found.options
    return Request(
        path=path,
        wanted=Wanted(found.gfx, found.sm, Ptx(options["ptx"]), bool(options["embedded"])),
        options=Options(layout=Layout(options["layout"]), strip=False, dry_run=True),
        jobs=jobs,
        keep=Globs(map(str, options["keep"])),
    )


def _of_row(row: FileReport, found: Marker) -> Iterator[str]:
    if row.outcome is Outcome.PRUNED and row.dropped:
        others = ", ".join(f"{label} ({size(weight)})" for label, weight in row.dropped.items())
        yield f"{row.path} holds code for other chips: {others}"
    elif (row.outcome is Outcome.REFUSED and row.path not in found.accepted) or row.outcome is Outcome.FAILED:
        yield f"{row.path}: {row.reason}"
