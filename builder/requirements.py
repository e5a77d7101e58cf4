"""Lock files: exact versions with hashes, in the form that `pip install --require-hashes` reads.

A lock holds names, versions, markers and sha256 hashes, and nothing of the place that it was resolved from.
What an upstream index could not be asked for has no hash, and a comment of the lock says so.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import ConfigError

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"(?:\s*;\s*(?P<marker>[^#]*?))?"
)
_HASH = re.compile(r"\s--hash=(?P<kind>[a-z0-9]+):(?P<digest>\S+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNHASHED = "# Without a hash, as their index was not reached: "
_REMAKE = "lock files are written by `build.py lock`; make this one again"


@dataclass(frozen=True, order=True)
class Requirement:
    """One distribution of a lock. `name` is normalised; `hashes` are sha256 in hex, sorted."""

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")


def normalise(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str, *, source: str = "lock") -> list[Requirement]:
    """Read a lock; `source` names it in errors."""
    unhashed = _unhashed(text)
    requirements = [_parse_entry(entry, f"{source}:{number}", unhashed) for number, entry in _entries(text)]
    seen: set[tuple[str, str]] = set()
    for requirement in requirements:
        key = (requirement.name, requirement.marker)
        if key in seen:
            raise ConfigError(f"{source}: {requirement.name} is locked twice", hint=_REMAKE)
        seen.add(key)
    return requirements


def read(path: Path) -> list[Requirement]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"there is no lock at {path}", hint=f"write it with `build.py lock --only {path.stem}`"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file", hint=_REMAKE) from None
    return parse(text, source=path.name)


def emit(requirements: Iterable[Requirement], header: Sequence[str] = ()) -> str:
    """The text of a lock, sorted; each line of `header` becomes a comment."""
    ordered = sorted(requirements)
    unhashed = [requirement.name for requirement in ordered if not requirement.hashes]
    lines = [f"# {line}".rstrip() for line in header]
    lines += [_UNHASHED + ", ".join(unhashed)] if unhashed else []
    for requirement in ordered:
        lines.extend(_with_continuations(requirement))
    return "\n".join(lines) + "\n"


def _unhashed(text: str) -> frozenset[str]:
    said = [line.removeprefix(_UNHASHED) for line in text.splitlines() if line.startswith(_UNHASHED)]
    return frozenset(name for names in said for name in names.split(", "))


def _with_continuations(requirement: Requirement) -> list[str]:
    lines = [str(requirement), *(f"    --hash=sha256:{digest}" for digest in requirement.hashes)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _entries(text: str) -> Iterator[tuple[int, str]]:
    """Entries without comments, continuation lines joined, each with the number of its first line."""
    entry, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if content.startswith("#") or not (content or entry):
            continue
        first = first if entry else number
        entry += " " + content.removesuffix("\\").rstrip()
        if not content.endswith("\\"):
            yield first, entry.strip()
            entry = ""
    if entry:
        yield first, entry.strip()


def _parse_entry(entry: str, place: str, unhashed: Collection[str]) -> Requirement:
    pin = _PIN.fullmatch(_HASH.sub("", entry).strip())
    if not pin:
        raise ConfigError(f"{place}: not a pinned requirement: {entry[:80]!r}", hint=_REMAKE)
    hashes: set[str] = set()
    for found in _HASH.finditer(entry):
        if found["kind"] != "sha256" or not _SHA256.fullmatch(found["digest"]):
            raise ConfigError(f"{place}: not a sha256 hash: {found[0].strip()!r}", hint=_REMAKE)
        hashes.add(found["digest"])
    name = normalise(pin["name"])
    if not hashes and name not in unhashed:
        raise ConfigError(f"{place}: {name} has no hash", hint=_REMAKE)
    marker = (pin["marker"] or "").strip()
    return Requirement(name, pin["version"], marker, tuple(sorted(hashes)))
