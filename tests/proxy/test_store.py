"""The models' folder, whatever is in it."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from proxy.catalog import Catalog
from proxy.clock import now
from proxy.store import Store
from proxy.upstream import Timeouts, Upstream
from tests.proxy.conftest import CHAT_MANIFEST, EMBEDDING_MANIFEST, NOBODY, describe


def names(store: Store) -> list[str]:
    return [manifest.name for manifest in store.manifests()]


def test_newest_first(tmp_path: Path) -> None:
    describe(tmp_path, EMBEDDING_MANIFEST)
    describe(tmp_path, CHAT_MANIFEST)
    assert names(Store(tmp_path)) == ["smollm2:135m", "all-minilm:l6-v2"]


def test_no_folder_is_no_models(tmp_path: Path) -> None:
    assert names(Store(tmp_path / "nowhere")) == []
    (tmp_path / "file").write_text("x")
    assert names(Store(tmp_path / "file")) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "\0" * 100,
        '"' + "x" * 2_000_000 + '"',
        "[" * 100_000,
        json.dumps(CHAT_MANIFEST)[:-1],
        json.dumps(CHAT_MANIFEST | {"digest": "abc"}),
        json.dumps(CHAT_MANIFEST | {"digest": "AB" * 32}),
        json.dumps(CHAT_MANIFEST | {"name": "../x"}),
        json.dumps(CHAT_MANIFEST | {"name": ""}),
        json.dumps(CHAT_MANIFEST | {"role": "king"}),
        json.dumps(CHAT_MANIFEST | {"size": -1}),
        json.dumps(CHAT_MANIFEST | {"modified_at": "yesterday"}),
        json.dumps(CHAT_MANIFEST | {"modified_at": "2026-11-20T04:00:00"}),
        json.dumps({"name": "a", "role": "chat"}),
    ],
)
def test_what_cannot_be_read_is_left_out_and_told_once(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    describe(tmp_path, EMBEDDING_MANIFEST)
    describe(tmp_path, CHAT_MANIFEST).write_text(text)
    store = Store(tmp_path)
    assert names(store) == ["all-minilm:l6-v2"]
    assert names(store) == ["all-minilm:l6-v2"]
    assert len(caplog.records) == 1
    assert "smollm2-135m" in caplog.text


def test_other_things_are_no_models(tmp_path: Path) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    (tmp_path / "README").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "deep" / "gfxpack.json").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "empty" / "gfxpack.json")
    assert names(Store(tmp_path)) == ["smollm2:135m"]


def test_what_changes_is_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = describe(tmp_path, CHAT_MANIFEST)
    assert names(store) == ["smollm2:135m"]
    changed: dict[str, Any] = CHAT_MANIFEST | {"size": 5, "later": "field"}
    path.write_text(json.dumps(changed))
    assert store.manifests()[0].size == 5
    path.unlink()
    assert names(store) == []


async def test_the_newer_of_two_of_one_name_wins(tmp_path: Path) -> None:
    describe(tmp_path / "a", CHAT_MANIFEST).parent.rename(tmp_path / "old")
    newer = CHAT_MANIFEST | {"name": "SMOLLM2:135M", "modified_at": "2026-11-21T00:00:00Z", "size": 1}
    describe(tmp_path / "a", newer).parent.rename(tmp_path / "new")
    catalog = Catalog(Store(tmp_path), {"chat": Upstream("engine", NOBODY, Timeouts())}, now)
    assert [model.manifest.size for model in await catalog.all()] == [1]
