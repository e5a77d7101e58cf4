"""The store of models on disk.

What is written goes to one folder; more folders may be read. A model that is made of another one is a
manifest alone, whose `base` names the one with the weights. Weights that outlive their model keep their
folder under a retired manifest, until nobody needs them."""

import hashlib
import logging
import re
import threading
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from proxy.dialect import names
from proxy.errors import ApiError
from proxy.model import Inside, Manifest
from proxy.store import weights
from proxy.store.shelf import LARGEST, MANIFEST, RETIRED, Entry, Shelf
from proxy.store.writing import Workshop, sync_folder, told, write_file

_log = logging.getLogger("proxy.store")

_LONGEST_SLUG = 80


class Store:
    """`folder` is written to and read, `others` are read."""

    def __init__(self, folder: Path, others: Sequence[Path] = ()) -> None:
        self.workshop = Workshop(folder)
        self._own = Shelf(folder)
        self._retired = Shelf(folder, RETIRED)
        self._shelves = (self._own, *(Shelf(other) for other in others if other != folder))
        self._seen: tuple[tuple[Entry, ...] | None, ...] = (None,) * len(self._shelves)
        self._manifests: list[Manifest] = []
        self._writing = threading.Lock()

    def manifests(self) -> list[Manifest]:
        """Newest first, and each name once: what was made under the name of older weights hides them. The
        same object as long as nothing changes."""
        lying = tuple(shelf.entries() for shelf in self._shelves)
        if any(now is not before for now, before in zip(lying, self._seen, strict=True)):
            self._manifests = _sorted(entry for entries in lying for entry in entries)
            self._seen = lying
        return self._manifests

    def weights_of(self, manifest: Manifest) -> Entry | None:
        """Where the weights lie that answer for this model; None where only an engine has them."""
        wanted = names.key_of(manifest.base or manifest.name)
        lying = (entry for entry in (*self._entries(), *self._retired.entries()) if not entry.manifest.base)
        return next((entry for entry in lying if entry.key == wanted), None)

    def inside(self, manifest: Manifest, *, tensors: bool) -> Inside:
        entry = self.weights_of(manifest)
        return weights.inside(entry.folder, tensors=tensors) if entry else Inside()

    def put(self, manifest: Manifest, in_use: Collection[str]) -> None:
        """A model without weights of its own, in the place of one of that name. `in_use` holds the keys of
        what the engines serve."""
        content = msgspec.json.encode(manifest)
        if len(content) > LARGEST:
            raise ApiError(413, f"the model's own texts are too large: the limit is {LARGEST} bytes")
        with self._writing, told():
            self.workshop.enter()
            folder = self.workshop.folder / f"made-{slug(manifest.name)}"
            folder.mkdir(exist_ok=True)
            write_file(folder / MANIFEST, content)
            if names.key_of(manifest.base) != names.key_of(manifest.name):
                self._retire([entry for entry in self._own_entries(manifest.name) if not entry.manifest.base])
            self._collect(in_use)

    def adopt(self, folder: Path, manifest: Manifest) -> None:
        """Weights that were made ready in `folder`, with all their files, become a model."""
        with self._writing, told():
            self.workshop.enter()
            write_file(folder / MANIFEST, msgspec.json.encode(manifest))
            place = self.workshop.folder / slug(manifest.name)
            if place.exists():
                self.workshop.discard(place)
            folder.rename(place)
            sync_folder(self.workshop.folder)

    def revive(self, name: str) -> bool:
        """Weights that are still here for others' sake become a model again."""
        with self._writing, told():
            for entry in self._retired.entries():
                if entry.key == names.key_of(name):
                    self.workshop.enter()
                    (entry.folder / RETIRED).rename(entry.folder / MANIFEST)
                    sync_folder(entry.folder)
                    return True
        return False

    def remove(self, name: str, in_use: Collection[str]) -> None:
        """What was made under this name goes; if nothing was, its weights go with the last model that needs
        them. Weights that an engine serves stay: it would find nothing when it starts again."""
        with self._writing, told():
            own = self._own_entries(name)
            if not own and not self.has(name):
                raise ApiError(404, f"model '{name}' not found")
            if not own:
                raise ApiError(403, f"model '{name}' lies in a folder that is only read: it stays")
            self.workshop.enter()
            made = [entry for entry in own if entry.manifest.base]
            lying = [entry for entry in own if not entry.manifest.base]
            if not made and names.key_of(name) in in_use:
                raise ApiError(409, f"model '{name}' is in use: an engine serves its weights, so they stay")
            if any(entry.folder.is_symlink() for entry in own):
                raise ApiError(409, f"model '{name}' lies behind a link: remove the link by hand")
            for entry in made:
                self.workshop.discard(entry.folder)
            if names.key_of(name) not in in_use:
                self._retire(lying)
            self._collect(in_use)

    def has(self, name: str) -> bool:
        return any(entry.key == names.key_of(name) for entry in self._entries())

    def tidy(self) -> None:
        """At start: clear away what a process left over that was killed. What cannot be cleared away is no
        reason not to serve."""
        if self.workshop.left_over():
            try:
                self.workshop.enter()
            except ApiError as error:
                _log.warning("leftovers in %s stay: %s", self.workshop.folder, error.message)

    def _entries(self) -> list[Entry]:
        return [entry for shelf in self._shelves for entry in shelf.entries()]

    def _own_entries(self, name: str) -> list[Entry]:
        return [entry for entry in self._own.entries() if entry.key == names.key_of(name)]

    def _retire(self, lying: Collection[Entry]) -> None:
        for entry in (entry for entry in lying if not entry.folder.is_symlink()):
            (entry.folder / MANIFEST).rename(entry.folder / RETIRED)
            sync_folder(entry.folder)

    def _collect(self, in_use: Collection[str]) -> None:
        """Remove weights that nobody needs any more."""
        needed = {names.key_of(entry.manifest.base) for entry in self._entries()} | set(in_use)
        for entry in self._retired.entries():
            if entry.key not in needed and not entry.folder.is_symlink():
                self.workshop.discard(entry.folder)


def slug(name: str) -> str:
    """A folder's name for this model: readable, and another one for each model."""
    parsed = names.parse(name)
    shown = parsed.shortest.lower() if parsed else ""
    readable = re.sub(r"[^a-z0-9_.-]+", "-", shown)[:_LONGEST_SLUG].strip(".-")
    return f"{readable}-{hashlib.sha256(names.key_of(name).encode()).hexdigest()[:12]}"


def _sorted(entries: Iterable[Entry]) -> list[Manifest]:
    found: dict[str, Manifest] = {}
    for entry in entries:
        other = found.get(entry.key)
        if other is None or _rank(entry.manifest) > _rank(other):
            found[entry.key] = entry.manifest
    return sorted(found.values(), key=lambda found: (found.modified_at, found.name), reverse=True)


def _rank(manifest: Manifest) -> tuple[bool, float]:
    return bool(manifest.base), manifest.modified_at.timestamp()
