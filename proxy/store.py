"""The models' folder: one folder per model, described by its `gfxpack.json`.

The folder may be missing, half written or full of other things: what cannot be read is left out, and
looked at again once it has changed."""

import logging
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.dialect import names
from proxy.model import Manifest

_log = logging.getLogger("proxy.store")

_FILE = "gfxpack.json"
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Version:
    """When two versions of a file are equal, so is what they hold."""

    inode: int
    modified_ns: int
    size: int


class Store:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, tuple[_Version, Manifest | None]] = {}

    def manifests(self) -> list[Manifest]:
        """Newest first."""
        known = {path: entry for path in self._files() if (entry := self._entry(path)) is not None}
        self._known = known
        found = [manifest for _, manifest in known.values() if manifest is not None]
        return sorted(found, key=lambda manifest: (manifest.modified_at, manifest.name), reverse=True)

    def _files(self) -> list[Path]:
        try:
            return [folder / _FILE for folder in self._folder.iterdir()]
        except OSError:
            return []

    def _entry(self, path: Path) -> tuple[_Version, Manifest | None] | None:
        try:
            status = path.stat()
            version = _Version(status.st_ino, status.st_mtime_ns, status.st_size)
            before = self._known.get(path)
            if before is not None and before[0] == version:
                return before
            return version, _read(path, status.st_size)
        except OSError:
            return None


def _read(path: Path, size: int) -> Manifest | None:
    if not path.is_file() or size > _LARGEST:
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
