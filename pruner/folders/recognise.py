"""Which kernel folders there are among the files of a tree."""

from collections.abc import Iterable
from pathlib import Path

from pruner.folders.base import Folder
from pruner.folders.forms import every_form


def recognise(root: Path, paths: Iterable[str]) -> list[Folder]:
    """The kernel folders among these files and symbolic links, given below the root, with slashes.

    What stands above the root counts as well: it may be a kernel folder itself, or lie in one.
    """
    above = root.absolute().as_posix().rstrip("/")
    found: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        home = _home(f"{above}/{path}")
        if home:
            found.setdefault(home, []).append(path)
    return [
        Folder(form, _below(above, home), tuple(sorted(members)))
        for (form, home), members in sorted(found.items())
    ]


def _home(path: str) -> tuple[str, str] | None:
    homes = ((form, form.home(path)) for form in every_form())
    return next(((form.name, home) for form, home in homes if home), None)


def _below(above: str, home: str) -> str:
    return (home.startswith(f"{above}/") and home.removeprefix(f"{above}/")) or "."
