"""Wheels of stand-ins for what a lock pins, kept by what they are made of."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.rehearsal.compiled import Compilers
from builder.rehearsal.contents import Listing, files_of, read_listings
from builder.rehearsal.wheel import Sdist, Wheel
from builder.requirements import Requirement

_ANY = "py3-none-any"
_PLATFORM = "linux_x86_64"
_SOURCE = "source"

Change = Callable[[Wheel], Wheel]
"""What makes one stand-in another: how faults are planted."""


@dataclass(frozen=True)
class StandIns:
    """Wheels in a folder, each with the pin that asks for it and no other."""

    pins: Mapping[Requirement, Requirement]
    """By the pin of the real one."""
    wheels: Mapping[Requirement, Path]
    """By the pin of the stand-in."""

    def instead_of(self, requirement: Requirement) -> Requirement:
        return self.pins[requirement]


def make(
    requirements: Iterable[Requirement],
    *,
    python: str,
    compilers: Compilers,
    folder: Path,
    changes: Mapping[str, Change] | None = None,
) -> StandIns:
    """A wheel for each requirement, tagged for `python` ("3.13"); what else lies in `folder` goes."""
    listings, pins, wheels = read_listings(), {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    for requirement in sorted(set(requirements)):
        wheel = _wheel(requirement, listings, python, compilers)
        wheel = (changes or {}).get(requirement.name, _same)(wheel)
        pin, path = _write(wheel, folder)
        pins[requirement], wheels[pin] = pin, path
    for other in set(folder.iterdir()) - set(wheels.values()):
        other.unlink()
    return StandIns(pins, wheels)


def _write(wheel: Wheel, folder: Path) -> tuple[Requirement, Path]:
    """The pin of a wheel, and where it lies; a marker of the real pin has been judged by the lock."""
    content = wheel.content()
    path = folder / wheel.filename
    if not path.is_file() or path.read_bytes() != content:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
    return Requirement(wheel.name, wheel.version, hashes=(hashlib.sha256(content).hexdigest(),)), path


def _same(wheel: Wheel) -> Wheel:
    return wheel


def _wheel(pin: Requirement, listings: Mapping[str, Listing], python: str, compilers: Compilers) -> Wheel:
    listing = listings.get(pin.name, Listing("any"))
    digits = python.replace(".", "")
    tags = {
        "any": _ANY,
        "linux": f"py3-none-{_PLATFORM}",
        "abi3": f"cp38-abi3-{_PLATFORM}",
        "python": f"cp{digits}-cp{digits}-{_PLATFORM}",
        _SOURCE: _ANY,
    }
    kind = Sdist if listing.tag == _SOURCE else Wheel
    files = files_of(pin.name, pin.version, listing, compilers)
    tag, requires = tags[listing.tag], tuple(listing.requires)
    return kind(pin.name, pin.version, tag, files, requires=requires, scripts=listing.scripts)
