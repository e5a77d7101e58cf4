"""One folder of models: in it one folder per model, described by its `gfxpack.json`.

The folder may be missing, half written or full of other things: what cannot be read is left out, and
looked at again once it has changed."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.dialect import names
from proxy.model import Manifest

_log = logging.getLogger("proxy.store")

MANIFEST = "gfxpack.json"
# Holds the manifest of weights whose model was deleted while others need them.
RETIRED = "gfxpack.retired.json"
LARGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Version:
    """When two versions of a file are equal, so is what they hold."""

    inode: int
    modified_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A model and the folder that it lies in."""

    folder: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        return name_key(self.manifest.name)


class Shelf:
    """`file` is what a manifest is called on it."""

    def __init__(self, folder: Path, file: str = MANIFEST) -> None:
        self.folder = folder
        self._file = file
        self._known: dict[Path, tuple[_Version, Manifest | None]] = {}

    def entries(self) -> list[Entry]:
        known = {path: found for path in self._files() if (found := self._look(path)) is not None}
        self._known = known
        return [Entry(path.parent, manifest) for path, (_, manifest) in known.items() if manifest is not None]

    def _files(self) -> Iterator[Path]:
        """Folders of ours that hold no models have a dot before their names."""
        try:
            yield from (one / self._file for one in self.folder.iterdir() if not one.name.startswith("."))
        except OSError:
            return

    def _look(self, path: Path) -> tuple[_Version, Manifest | None] | None:
        try:
            status = path.stat()
            version = _Version(status.st_ino, status.st_mtime_ns, status.st_size)
            before = self._known.get(path)
            if before is not None and before[0] == version:
                return before
            return version, _read(path, status.st_size)
        except OSError:
            return None


def name_key(name: str) -> str:
    """Equal for two names of one model."""
    parsed = names.parse(name)
    return parsed.key if parsed else name


def _read(path: Path, size: int) -> Manifest | None:
    if not path.is_file() or size > LARGEST:
        _log.warning("%s is no manifest", path)
        return None
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, ValueError, RecursionError):
        _log.warning("%s cannot be read as a manifest", path)
        return None
    if names.parse(manifest.name) is None:
        _log.warning("%s: the name is no model's name", path)
        return None
    return manifest
