"""The archives of device code that ROCm's wheels keep in hidden folders: the chips' own, and no others."""

from collections.abc import Iterator
from pathlib import Path

from checks.subject import Fault, Finding, Subject
from pruner.archs import Gfx, parse_archs
from pruner.folders.names import names_in
from pruner.formats.base import Match

_SUFFIX = ".kpack"
_LOST = "a step lost hidden folders: copy whole folders, and let no pattern leave out names with a dot"


def archives(subject: Subject) -> Finding:
    expected, _ = parse_archs(subject.expect.archs)
    there = sorted({path for tree in subject.trees for path in tree.rglob(f"*{_SUFFIX}") if path.is_file()})
    return Finding(
        [*_missing(subject), *_foreign(subject, there, expected)],
        {"archives": [_name(subject, path) for path in there]},
    )


def _missing(subject: Subject) -> Iterator[Fault]:
    for arch in subject.expect.archs:
        for pattern in (each.replace("{arch}", arch) for each in subject.expect.kpack):
            found = [path.stat().st_size for site in subject.sites for path in site.glob(pattern)]
            if not all(found or [0]):
                trouble = f"{pattern} is empty" if found else f"there is no {pattern} below site-packages"
                yield Fault(
                    trouble,
                    f"the device wheel of {arch} is not installed, or {_LOST}",
                )


def _foreign(subject: Subject, there: list[Path], expected: tuple[Gfx, ...]) -> Iterator[Fault]:
    for path in there:
        named = names_in(path.name)
        if named and all(name.match(chip) is Match.NONE for name in named for chip in expected):
            yield Fault(
                f"{_name(subject, path)} is for {', '.join(name.label for name in named)}, not for "
                f"{', '.join(subject.expect.archs)}",
                "leave the other chips' device wheels out, or let the pruner run on this layer",
            )


def _name(subject: Subject, path: Path) -> str:
    return path.resolve().relative_to(subject.root.resolve()).as_posix()
