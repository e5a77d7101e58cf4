"""Wheels that this machine holds on disk: found by the lock's hashes, laid out as a build context."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from builder.errors import SourceError
from builder.files import replace_text
from builder.requirements import Requirement, normalise
from builder.sources.urls import local_path

_WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl")
_SDIST = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.(tar\.gz|zip)")


@dataclass(frozen=True)
class Wheelhouse:
    """A folder that holds files for `found`; `missing` must come from an index."""

    folder: Path
    found: tuple[Requirement, ...]
    missing: tuple[Requirement, ...]

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def needs_upstream(self) -> bool:
        """Whether something is left that only an upstream index has: public ones take no local versions."""
        return any("+" in requirement.version for requirement in self.missing)


@dataclass(frozen=True)
class Places:
    """Where to look: find-links (folders, or pages of links) and simple indexes on disk."""

    links: Sequence[Path] = ()
    indexes: Sequence[Path] = ()

    def candidates(self, requirement: Requirement) -> Iterator[Path]:
        """Files that bear the requirement's name and version."""
        for path in self._files(requirement.name):
            if matches(path.name, requirement):
                yield path

    def _files(self, name: str) -> Iterator[Path]:
        for place in self.links:
            yield from _listed(place) if place.is_dir() else _linked(place)
        for index in self.indexes:
            yield from _linked(index / name / "index.html")


class HashCache:
    """Hashes of files, remembered by path, size and time of change: a wheel of gigabytes is read once."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._known = self._load()
        self._changed = False

    def sha256(self, path: Path) -> str:
        facts = path.stat()
        key, stamp = str(path.resolve()), [facts.st_size, facts.st_mtime_ns]
        known = self._known.get(key)
        if known is not None and known[:2] == stamp:
            return str(known[2])
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._known[key] = [*stamp, digest]
        self._changed = True
        return digest

    def save(self) -> None:
        if not self._changed:
            return
        replace_text(self._store, json.dumps(self._known))
        self._changed = False

    def _load(self) -> dict[str, list[int | str]]:
        try:
            known = json.loads(self._store.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(known, dict):
            return {}
        return {key: entry for key, entry in known.items() if isinstance(entry, list) and len(entry) == 3}


def gather(requirements: Iterable[Requirement], places: Places, folder: Path, cache: HashCache) -> Wheelhouse:
    """Fill `folder` with the files that the lock allows; what lay there before is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found: list[Requirement] = []
    missing: list[Requirement] = []
    for requirement in requirements:
        files = [path for path in places.candidates(requirement) if _hash(path, cache) in requirement.hashes]
        for path in files:
            _place(path, folder / path.name)
        (found if files else missing).append(requirement)
    cache.save()
    return Wheelhouse(folder, tuple(found), tuple(missing))


def _hash(path: Path, cache: HashCache) -> str:
    try:
        return cache.sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from None


def _listed(folder: Path) -> list[Path]:
    """A folder's files; links that lead nowhere are none."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise _unreadable(folder, error) from None


def _unreadable(path: Path, error: OSError) -> SourceError:
    reason = (error.strerror or str(error)).lower()
    return SourceError(
        f"{path}, which pip's configuration names, cannot be read: {reason}",
        hint="give your user the right to read it, or take it out of pip's find-links and index settings",
    )


def _place(path: Path, destination: Path) -> None:
    """Hard-link where the file system allows it; the same file from two places is laid out once."""
    if destination.exists():
        return
    try:
        os.link(path.resolve(), destination)
    except OSError:
        shutil.copyfile(path, destination)


def matches(filename: str, requirement: Requirement) -> bool:
    """Whether a file is called as one of that distribution and version is."""
    return _names(filename) == (requirement.name, _version(requirement.version))


def links_of(page: str) -> list[str]:
    """What the links of an HTML page name."""
    parser = _Links()
    parser.feed(page)
    return parser.targets


def _names(filename: str) -> tuple[str, str] | None:
    match = _WHEEL.fullmatch(filename) or _SDIST.fullmatch(filename)
    return (normalise(match["name"]), _version(match["version"])) if match else None


def _version(text: str) -> str:
    """A version as wheel names and locks both spell it; a local part may be written with `_` or `.`."""
    public, _, local = text.lower().partition("+")
    return f"{public}+{re.sub(r'[-_.]', '.', local)}" if local else public


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets.extend(value for name, value in attrs if name == "href" and value)


def _linked(page: Path) -> Iterator[Path]:
    """The files on disk that a page of links names."""
    try:
        text = page.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _unreadable(page, error) from None
    for target in links_of(text):
        path = _target(page, target)
        if path is not None and path.is_file():
            yield path


def _target(page: Path, link: str) -> Path | None:
    """The place on disk that a link of a page means."""
    try:
        parts = urlsplit(urljoin(page.resolve().as_uri(), link))
    except ValueError:
        return None
    return local_path(parts._replace(query="", fragment="").geturl())


def on_disk(locations: Iterable[str]) -> list[Path]:
    """The locations that are places on this machine and exist."""
    paths = (local_path(unquote(location) if "://" not in location else location) for location in locations)
    return [path for path in paths if path is not None and _exists(path)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise _unreadable(path, error) from None
