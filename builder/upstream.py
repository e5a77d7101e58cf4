"""What of a lock comes from upstream indexes: exact versions, each from the one index that is named for it.

No other index is asked for these names, neither for them nor by what depends on them: on a public one there
are placeholders, which anybody might have put there.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from builder.errors import ConfigError
from builder.requirements import Requirement, normalise
from builder.sources import Sources
from builder.sources.upstream import SilentIndexError, UpstreamIndex
from builder.tags import Fit

_EXACT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Parted:
    """Requirements, by who is asked for them."""

    general: tuple[str, ...]
    """For the indexes of whoever locks."""
    upstream: Mapping[str, tuple[Requirement, ...]]
    """By the URL of an index."""


def part(requirements: Iterable[str], upstream: Mapping[str, Sequence[str]]) -> Parted:
    """`upstream` names distributions by the URL of their index."""
    homes = {normalise(name): url for url, names in upstream.items() for name in names}
    general: list[str] = []
    pins: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        name = _NAME.match(requirement)
        home = homes.get(normalise(name[0])) if name else None
        if home is None:
            general.append(requirement)
        else:
            pins.setdefault(home, []).append(_exact(requirement))
    return Parted(tuple(general), {url: tuple(found) for url, found in pins.items()})


def _exact(requirement: str) -> Requirement:
    found = _EXACT.fullmatch(requirement)
    if found is None:
        raise ConfigError(
            f"{requirement!r} comes from an upstream index and is not an exact version",
            hint="write NAME==VERSION, with the local part that the index has after a plus sign",
        )
    return Requirement(normalise(found["name"]), found["version"])


def look_up(
    pins: Mapping[str, Sequence[Requirement]],
    fit: Fit,
    sources: Sources,
    known: Iterable[Requirement] = (),
) -> tuple[list[Requirement], list[str]]:
    """The pins with their hashes, and a complaint for each index that cannot be asked. What the lock so far
    knows of the same pins stays."""
    hashes = {(pin.name, pin.version): pin for pin in known}
    found: list[Requirement] = []
    complaints: list[str] = []
    for url, wanted in pins.items():
        index = UpstreamIndex(url, fit, sources.opened)
        try:
            found += [index.hashed(pin) for pin in wanted]
        except SilentIndexError as error:
            complaints.append(error.message)
            found += [hashes.get((pin.name, pin.version), pin) for pin in wanted]
    return found, complaints
