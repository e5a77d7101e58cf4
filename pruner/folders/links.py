"""Symbolic links: a file must not go while a link that stays leads to it, and a link goes with its file."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

Links = Mapping[str, tuple[str, ...]]
"""Where links lead, with every link on the way resolved -> the links, below the root of the run."""


def links_below(root: Path, paths: Iterable[str]) -> Links:
    """Where these symbolic links of a tree lead."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(real(root, path), []).append(path)
    return {target: tuple(sorted(links)) for target, links in found.items()}


def real(root: Path, path: str) -> str:
    return os.path.realpath(root / path)
