"""One folder of models: in it one folder per model, described by its `gfxpack.json`.

The folder may be missing, half written or full of other things: what cannot be read is left out, and
looked at again once it has changed."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from proxy.dialect import names
from proxy.model import Manifest
from proxy.store import weights

_log = logging.getLogger("proxy.store")

MANIFEST = "gfxpack.json"
# Holds the manifest of weights whose model was deleted while others need them.
RETIRED = "gfxpack.retired.json"
LARGEST = 16 * 1024 * 1024


class _Version(NamedTuple):
    """When two versions of a file are equal, so is what they hold."""

    inode: int
    modified_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A model and the folder that it lies in."""

    folder: Path
    manifest: Manifest
    key: str


class Shelf:
    """`file` is what a manifest is called on it. Every request looks at it: what is as it was costs a look at
    each file's status and no more."""

    def __init__(self, folder: Path, file: str = MANIFEST) -> None:
        self.folder = folder
        self._root = str(folder)
        self._file = file
        # Both in one, since threads look, too: of two that differ, the next look would trust the first.
        self._seen: tuple[dict[str, _Read], tuple[Entry, ...]] = ({}, ())

    def entries(self) -> tuple[Entry, ...]:
        """The same object as long as nothing changes."""
        before, entries = self._seen
        known = {name: found for name in self._folders() if (found := self._look(name, before)) is not None}
        if known != before:
            entries = tuple(entry for _, entry in known.values() if entry is not None)
            self._seen = known, entries
        return entries

    def _folders(self) -> Iterator[str]:
        """Those of ours that hold no models have a dot before their names."""
        try:
            yield from (name for name in os.listdir(self._root) if name[0] != ".")  # noqa: PTH208 - quicker
        except OSError:
            return

    def _look(self, name: str, known: "dict[str, _Read]") -> "_Read | None":
        try:
            status = os.stat(f"{self._root}/{name}/{self._file}")  # noqa: PTH116 - quicker
            version = _Version(status.st_ino, status.st_mtime_ns, status.st_size)
            before = known.get(name)
            if before is not None and before[0] == version:
                return before
            return version, _read(self.folder / name / self._file, status.st_size)
        except OSError:
            return None


_Read = tuple[_Version, Entry | None]


def _read(path: Path, size: int) -> Entry | None:
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
    if manifest.capabilities is None and not manifest.base:
        told = weights.abilities(path.parent, manifest.role)
        manifest = msgspec.structs.replace(manifest, capabilities=told)
    return Entry(path.parent, manifest, names.key_of(manifest.name))
