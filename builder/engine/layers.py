"""How many bytes the layers of an image hold, where the engine only knows how much disk they take.

An engine that keeps images in containerd's store tells disk blocks. The bytes are counted in the exported
image instead, and remembered: a layer's digest stands for its content.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from builder.files import replace_text

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_JSON_LIMIT = 4_000_000


class LayerSizes:
    """Sizes by the digest of the uncompressed layer, kept in a file."""

    def __init__(self, store: Path) -> None:
        self._store = store

    def known(self, diff_ids: Iterable[str]) -> list[int] | None:
        """The sizes of these layers in their order; None unless all are known."""
        sizes = self._load()
        found = [sizes.get(each) for each in diff_ids]
        return None if None in found else [size for size in found if size is not None]

    def learn(self, archive: Iterable[bytes]) -> None:
        """Measure the layers of an exported image."""
        sizes = self._load() | measure(archive)
        replace_text(self._store, json.dumps(sizes))

    def _load(self) -> dict[str, int]:
        try:
            sizes = json.loads(self._store.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in sizes.items() if isinstance(v, int)} if isinstance(sizes, dict) else {}


def measure(archive: Iterable[bytes]) -> dict[str, int]:
    """The sum of the sizes of the files of each layer, by the layer's digest; reads the archive once."""
    sizes: dict[str, int] = {}
    documents: dict[str, Any] = {}
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(archive)), mode="r|") as outer:
        for member in outer:
            blob = outer.extractfile(member) if member.isfile() else None
            if blob is None:
                continue
            digest = "sha256:" + member.name.rpartition("/")[2]
            if _is_json(blob) and member.size < _JSON_LIMIT:
                documents[digest] = json.loads(blob.read())
            elif (size := _content_size(blob)) is not None:
                sizes[digest] = size
    return dict(_by_diff_id(documents, sizes))


def _is_json(blob: IO[bytes]) -> bool:
    return isinstance(blob, io.BufferedReader) and blob.peek(1)[:1] in (b"{", b"[")


def _content_size(blob: IO[bytes]) -> int | None:
    """None for what is no tar archive, or packed in a way that this Python cannot read."""
    try:
        with tarfile.open(fileobj=blob, mode="r|*") as layer:
            return sum(member.size for member in layer if member.isreg())
    except tarfile.TarError:
        return None


def _by_diff_id(documents: Mapping[str, Any], sizes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Layers are stored by the digest of their packed form; a manifest and its configuration pair the two."""
    for document in documents.values():
        if not isinstance(document, dict) or "layers" not in document:
            continue
        config = documents.get(document["config"]["digest"], {})
        diff_ids = config.get("rootfs", {}).get("diff_ids", [])
        for layer, diff_id in zip(document["layers"], diff_ids, strict=False):
            if layer["digest"] in sizes:
                yield diff_id, sizes[layer["digest"]]


class _Chunks(io.RawIOBase):
    """An iterator of bytes as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
