"""The report as people read it: a line per changed file while it runs, and at the end what it came to."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from pruner.formats.base import Match
from pruner.report import FileReport, Outcome
from pruner.tree.result import Result
from pruner.tree.words import change, columns, count, cut, percent, printable, size

_HOST = "host"
_UNITS = {"gfx": "bundle", "sm_": "region", "compute_": "region"}
"""What the units are called that hold code with such labels."""
_LEAST_PATH, _MOST_PATH = 12, 60
_LISTED = 20


def line(row: FileReport) -> str:
    """One file or folder, in one line."""
    return f"{printable(row.path)}: {printable(_OUTCOMES[row.outcome](row))}"


def _pruned(row: FileReport) -> str:
    parts = [change(row.before, row.after)]
    kept = _archs(row.kept)
    if kept:
        parts.append(f"kept {kept}{_how(row)}")
    elif row.stripped:
        parts.append("symbols and debug data taken out")
    return ", ".join(parts)


def _archs(labels: Iterable[str]) -> str:
    return ", ".join(label for label in labels if label != _HOST)


def _how(row: FileReport) -> str:
    """From how many units, and in which layouts."""
    if not row.units:
        return ""
    words = (word for start, word in _UNITS.items() for label in row.kept if label.startswith(start))
    return f" ({', '.join(dict.fromkeys((count(row.units, next(words, 'unit')), *row.layout.values())))})"


def _removed(row: FileReport) -> str:
    return f"{size(row.before)} removed ({row.reason or _archs(row.dropped)})"


_OUTCOMES: Mapping[Outcome, Callable[[FileReport], str]] = {
    Outcome.PRUNED: _pruned,
    Outcome.REMOVED: _removed,
    Outcome.UNCHANGED: lambda row: f"{size(row.before)}, nothing to take out",
    Outcome.REFUSED: lambda row: f"refused: {row.reason}",
    Outcome.FAILED: lambda row: f"failed: {row.reason}",
}


def table(result: Result) -> Iterator[str]:
    """What a dry run found: per file before, after, saved and kept, most savings first."""
    rows = sorted(result.changed, key=lambda row: (row.after - row.before, row.path))
    cells = [
        (
            printable(row.path),
            size(row.before),
            size(row.after),
            size(row.before - row.after),
            _archs(row.kept),
        )
        for row in rows
    ]
    before, after = (sum(getattr(row, side) for row in rows) for side in ("before", "after"))
    total = (count(len(rows), "file"), size(before), size(after), size(before - after), "")
    width = max((columns(row[0]) for row in cells), default=_LEAST_PATH)
    width = min(max(width, _LEAST_PATH, columns(total[0])), _MOST_PATH)
    yield _table_line(width, ("", "before", "after", "saved", "kept"))
    for row in cells:
        yield _table_line(width, row)
    yield _table_line(width, total)


def _table_line(width: int, cells: tuple[str, str, str, str, str]) -> str:
    path, *figures, kept = cells
    shown = cut(path, width)
    blanks = " " * (width - columns(shown))
    return f"{shown}{blanks}{''.join(f'{figure:>12}' for figure in figures)}  {kept}".rstrip()


def summary(result: Result) -> Iterator[str]:
    """What it came to, and what a person should know."""
    yield _verdict(result)
    yield from _by_arch(result)
    for title, rows in _SECTIONS:
        found = tuple(rows(result))
        if found:
            yield title
            yield from (f"  {printable(text)}" for text in found[:_LISTED])
            if len(found) > _LISTED:
                yield f"  and {len(found) - _LISTED:,} more; the JSON report has all"


def _verdict(result: Result) -> str:
    changed = result.changed
    wanted = result.request.wanted
    if result.interrupted:
        left = count(len(result.left), "file")
        return f"interrupted with {left} to go; {_figures(result)}; the same command goes on from here"
    if not changed:
        nothing = "nothing was changed" if result.exit_code else "nothing to take out"
        return f"{count(result.looked_at, 'file')} looked at for {wanted}: {nothing}"
    return f"{_figures(result)} for {wanted}"


def _figures(result: Result) -> str:
    changed = result.changed
    before, after = (sum(getattr(row, side) for row in changed) for side in ("before", "after"))
    would = "would be " if result.request.options.dry_run else ""
    return (
        f"{len(changed):,} of {count(result.looked_at, 'file')} {would}smaller: "
        f"{change(before, after)} ({percent(before - after, before)} less)"
    )


def _by_arch(result: Result) -> Iterator[str]:
    for side, title in (("kept", "kept:   "), ("dropped", "dropped:")):
        labels = {label: weight for label, weight in result.labels(side).items() if label != _HOST}
        if labels:
            yield f"{title} {', '.join(f'{label} {size(weight)}' for label, weight in labels.items())}"


def _reasons(rows: Iterable[FileReport]) -> Iterator[str]:
    return (f"{row.path}: {row.reason}" for row in sorted(rows, key=lambda row: row.path))


def _emptied(result: Result) -> Iterator[str]:
    for row in result.of(Outcome.PRUNED):
        if row.emptied:
            yield f"{row.path}: {row.emptied:,} of {row.units:,}"


def _unknown(result: Result) -> Iterator[str]:
    total: Counter[str] = Counter()
    for row in result.rows:
        total.update(row.unknown)
    return (
        f"{size(weight)} of device code in a form this does not know ({form})"
        for form, weight in sorted(total.items(), key=lambda item: -item[1])
    )


def _fallbacks(result: Result) -> Iterator[str]:
    served: Counter[tuple[str, str]] = Counter()
    for row in result.rows:
        served.update((chip, how) for chip, ways in row.serves.items() for how in ways if ways[how])
    generic = ", ".join(label for label in result.labels("kept") if label.endswith("-generic"))
    for (chip, how), files in sorted(served.items()):
        if how in _FALLBACKS:
            where = count(files, "library", "libraries")
            yield _FALLBACKS[Match(how)].format(chip=chip, where=where, generic=generic or "generic")


_FALLBACKS = {
    Match.GENERIC: "{generic} code serves {chip} in {where}; an old runtime may not look for it",
    Match.FAMILY: "code for an older chip of its family serves {chip} in parts of {where}",
    Match.INTERMEDIATE: "the driver compiles code for {chip} at first use in parts of {where}",
}

_SECTIONS: tuple[tuple[str, Callable[[Result], Iterable[str]]], ...] = (
    (
        "refused, left as they were (--accept names those that may be so):",
        lambda result: _reasons(result.refused),
    ),
    ("refused, as accepted:", lambda result: _reasons(result.accepted)),
    (
        "failed, left as they were (once the cause is gone, the same command goes on from there):",
        lambda result: _reasons(result.of(Outcome.FAILED)),
    ),
    ("units that held no code for any of the chips (so many of all):", _emptied),
    ("left alone:", _unknown),
    ("served by other code than the chip's own:", _fallbacks),
    ("notes:", lambda result: (*result.notes, *_notes(result.rows))),
)


def _notes(rows: Iterable[FileReport]) -> Iterator[str]:
    return (f"{row.path}: {note}" for row in sorted(rows, key=lambda row: row.path) for note in row.notes)
