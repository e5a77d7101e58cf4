"""A package index as files: a page of links for each distribution, as PEP 503 has it."""

import html
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from builder.requirements import Requirement

IN_BUILDS = "file:///wheels/simple"
"""Where a build finds it: the folder of a layer's wheels is bound to /wheels."""


def lay_out(folder: Path, wheels: Iterable[tuple[Requirement, Path]]) -> None:
    """Write `folder/simple`."""
    for requirement, wheel in wheels:
        home = folder / "simple" / requirement.name
        home.mkdir(parents=True, exist_ok=True)
        _place(wheel, home / wheel.name)
        links = "".join(_link(path) for path in sorted(home.glob(f"*-{requirement.version}*")))
        (home / "index.html").write_text(f"<!DOCTYPE html>\n<html><body>\n{links}</body></html>\n", "utf-8")


def place(folder: Path, wheels: Iterable[Path]) -> None:
    """Put wheels into a folder: linked, not copied, where the file system allows it."""
    for wheel in wheels:
        _place(wheel, folder / wheel.name)


def _link(wheel: Path) -> str:
    return f'<a href="{quote(wheel.name)}">{html.escape(wheel.name)}</a><br>\n'


def _place(wheel: Path, destination: Path) -> None:
    destination.unlink(missing_ok=True)
    try:
        os.link(wheel, destination)
    except OSError:
        shutil.copyfile(wheel, destination)
