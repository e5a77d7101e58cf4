"""What every check is asked about, and what it answers."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from checks.distributions import Distribution, installed, normalise
from checks.expectation import Expectation
from checks.linking import Library, libraries_of
from pruner.tree.globs import Globs


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the value, and what to do about it."""

    text: str
    hint: str


@dataclass(frozen=True)
class Finding:
    faults: Sequence[Fault] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    """For the verdict: the same for the same image."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An image's files, as its own processes see them."""

    root: Path
    expect: Expectation
    scratch: Path
    """A folder for what is made on the way, which everybody may enter."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def venv(self) -> Path:
        return self.root / self.expect.venv

    @cached_property
    def sites(self) -> tuple[Path, ...]:
        """The environment's site-packages."""
        return tuple(sorted(self.venv.glob("lib/python3*/site-packages"))) if self.expect.venv else ()

    @cached_property
    def distributions(self) -> Mapping[str, Distribution]:
        """By normalised name."""
        return {normalise(each.name): each for each in installed(self.sites)}

    @cached_property
    def trees(self) -> tuple[Path, ...]:
        """Those that are there: one that is a link into another has been seen."""
        places = {(self.root / tree).resolve() for tree in self.expect.trees if (self.root / tree).is_dir()}
        return tuple(sorted(place for place in places if not places.intersection(place.parents)))

    @cached_property
    def libraries(self) -> tuple[Library, ...]:
        return tuple(library for tree in self.trees for library in libraries_of(tree, self.root.resolve()))

    def is_excused(self, name: str, patterns: Iterable[str]) -> bool:
        """Whether a pattern names this file, by its path below the root or below site-packages."""
        globs = Globs(patterns)
        return name in globs or name.partition("/site-packages/")[2] in globs


@dataclass(frozen=True)
class Check:
    name: str
    applies: Callable[[Expectation], bool]
    look: Callable[[Subject], Finding]
