"""Bytes of layers, counted in an exported image."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from builder.engine.layers import LayerSizes, measure


def tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.LNKTYPE, next(iter(files), "folder")
        archive.addfile(link)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def image(*layers: bytes, packed: bool) -> tuple[list[bytes], list[str]]:
    """An exported image in pieces, and the digests of its layers."""
    blobs = [gzip.compress(layer) if packed else layer for layer in layers]
    diff_ids = [f"sha256:{digest(layer)}" for layer in layers]
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    manifest = json.dumps(
        {
            "config": {"digest": f"sha256:{digest(config)}"},
            "layers": [{"digest": f"sha256:{digest(blob)}"} for blob in blobs],
        }
    ).encode()
    files = {f"blobs/sha256/{digest(data)}": data for data in (*blobs, manifest, config)}
    archive = tar({**files, "index.json": b"[]", "oci-layout": b"{}"})
    return [archive[start : start + 1000] for start in range(0, len(archive), 1000)], diff_ids


@pytest.mark.parametrize("packed", [True, False])
def test_files_are_counted_and_folders_and_links_are_not(packed: bool) -> None:
    first, second = tar({"a": b"x" * 5000, "b": b"y" * 70}), tar({"c": b"z" * 3})
    pieces, diff_ids = image(first, second, packed=packed)
    assert measure(pieces) == dict(zip(diff_ids, (5070, 3), strict=True))


def test_a_layer_packed_in_an_unknown_way_is_left_out() -> None:
    pieces, diff_ids = image(tar({"a": b"x" * 10}), b"\x28\xb5\x2f\xfd no tar at all", packed=False)
    assert measure(pieces) == {diff_ids[0]: 10}


def test_what_was_learned_is_known_until_the_file_is_gone(tmp_path: Path) -> None:
    pieces, diff_ids = image(tar({"a": b"x" * 10}), tar({}), packed=True)
    store = tmp_path / "cache/layers.json"
    assert LayerSizes(store).known(diff_ids) is None
    LayerSizes(store).learn(pieces)
    assert LayerSizes(store).known(diff_ids) == [10, 0]
    assert LayerSizes(store).known([*diff_ids, "sha256:other"]) is None
    store.write_text("damaged", encoding="utf-8")
    assert LayerSizes(store).known(diff_ids) is None


def test_the_archive_is_read_as_it_comes() -> None:
    pieces, _ = image(tar({"a": b"x" * 100_000}), packed=False)
    alive: list[int] = []

    def stream() -> Iterator[bytes]:
        for number, piece in enumerate(pieces):
            alive.append(number)
            yield piece

    assert measure(stream())
    assert alive == list(range(len(pieces)))
