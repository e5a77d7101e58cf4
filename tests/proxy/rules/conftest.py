"""A stack whose models are known to do what they do, and nothing else."""

from collections.abc import Iterator

import pytest

from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    EMBEDDING_MANIFEST,
    PATIENT,
    RunningProxy,
    Stack,
    describe,
    settings_for,
)
from tests.proxy.rules.table import ABLE, EMBEDS, PLAIN


@pytest.fixture(scope="session")
def _ruled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    models = tmp_path_factory.mktemp("models")
    abilities = ["completion", "tools", "thinking", "vision"]
    describe(models, CHAT_MANIFEST | {"name": PLAIN, "capabilities": ["completion"]})
    describe(models, CHAT_MANIFEST | {"name": ABLE, "capabilities": abilities})
    describe(models, EMBEDDING_MANIFEST | {"name": EMBEDS, "capabilities": ["embedding"]})
    with FakeEngine() as engine, FakeEmbeddings() as embeddings:
        engine.models = {PLAIN: 2048, ABLE: 2048}
        embeddings.model = EMBEDS
        proxy = RunningProxy(settings_for(models, engine.url, embeddings.url), PATIENT)
        proxy.client.get("/api/tags")
        yield Stack(proxy, engine, embeddings, models)
        proxy.stop()


@pytest.fixture
def ruled(_ruled: Stack) -> Stack:
    _ruled.engine.reset()
    _ruled.embeddings.reset()
    return _ruled
