"""Servers that are silent when they are asked what they serve: who waits for them, and how often."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from proxy import catalog
from proxy.upstream import Timeouts
from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import FakeEngine
from tests.fakes.fake_server import FakeServer, Gate, Received, Script
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    EMBEDDING_MANIFEST,
    HASTY,
    PATIENT,
    StartProxy,
    describe,
    raw_post,
    settings_for,
)

LISTING = "/v1/models"
MESSAGES = [{"role": "user", "content": "hello"}]
CHAT = {"model": "smollm2:135m", "messages": MESSAGES, "stream": False}
Question = tuple[str, dict[str, Any]]
ASKS_THE_ENGINE: list[Question] = [
    ("/api/chat", CHAT),
    ("/api/generate", {"model": "smollm2:135m", "prompt": "hello", "stream": False}),
    ("/v1/chat/completions", CHAT),
    ("/api/show", {"model": "smollm2:135m"}),
]
ASKS_THE_EMBEDDINGS_SERVER: list[Question] = [
    ("/api/embed", {"model": "all-minilm:l6-v2", "input": "hello"}),
    ("/api/embeddings", {"model": "all-minilm:l6-v2", "prompt": "hello"}),
    ("/v1/embeddings", {"model": "all-minilm:l6-v2", "input": "hello"}),
    ("/api/show", {"model": "all-minilm:l6-v2"}),
]


class _Shy(FakeServer):
    """Serves, but while it is silent it does not say what."""

    silent = False

    def answer(self, request: Received) -> Script:
        return [Gate()] if self.silent and request.path == LISTING else super().answer(request)


class ShyEngine(_Shy, FakeEngine):
    pass


class ShyEmbeddings(_Shy, FakeEmbeddings):
    pass


@dataclass
class Clock:
    """The catalog's clock, which goes on only when a test says so."""

    seconds: float = field(default_factory=time.monotonic)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(catalog, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def engine() -> Iterator[ShyEngine]:
    with ShyEngine() as engine:
        yield engine


@pytest.fixture
def embeddings() -> Iterator[ShyEmbeddings]:
    with ShyEmbeddings() as embeddings:
        yield embeddings


@dataclass(frozen=True)
class Pair:
    engine: ShyEngine
    embeddings: ShyEmbeddings


@pytest.fixture
def pair(engine: ShyEngine, embeddings: ShyEmbeddings) -> Pair:
    return Pair(engine, embeddings)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    describe(tmp_path, CHAT_MANIFEST)
    describe(tmp_path, EMBEDDING_MANIFEST)
    return tmp_path


def statuses(client: httpx.Client, path: str, body: dict[str, Any], times: int) -> list[int]:
    return [client.post(path, json=body).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("silent", "question"),
    [("embeddings", question) for question in ASKS_THE_ENGINE]
    + [("engine", question) for question in ASKS_THE_EMBEDDINGS_SERVER],
)
def test_a_silent_server_adds_nothing_to_what_the_other_answers(
    start_proxy: StartProxy, pair: Pair, models: Path, silent: str, question: Question
) -> None:
    """The proxy is patient: if it waited, the test would."""
    server: _Shy = getattr(pair, silent)
    server.silent = True
    client = start_proxy(settings_for(models, pair.engine.url, pair.embeddings.url), PATIENT).client
    assert statuses(client, *question, 1) == [200]
    assert server.received == []


def test_a_model_that_nobody_described_waits_only_for_the_server_that_has_it(
    start_proxy: StartProxy, pair: Pair, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, pair.engine.url, pair.embeddings.url)
    pair.embeddings.silent = True
    assert statuses(start_proxy(settings).client, "/api/chat", CHAT, 2) == [200, 200]
    pair.embeddings.silent, pair.engine.silent = False, True
    assert statuses(start_proxy(settings).client, *ASKS_THE_EMBEDDINGS_SERVER[0], 2) == [200, 200]


def test_requests_go_on_while_their_own_server_is_silent(
    start_proxy: StartProxy, engine: ShyEngine, models: Path, clock: Clock
) -> None:
    engine.silent = True
    client = start_proxy(settings_for(models, engine.url), HASTY).client
    assert statuses(client, "/api/chat", CHAT, 3) == [200, 200, 200]
    assert len(engine.asked(LISTING)) == 1
    clock.seconds += 6
    assert statuses(client, "/api/chat", CHAT, 3) == [200, 200, 200]
    assert len(engine.asked(LISTING)) == 2


def test_the_list_is_quick_when_every_server_is_silent(
    start_proxy: StartProxy, pair: Pair, models: Path
) -> None:
    pair.engine.silent = pair.embeddings.silent = True
    proxy = start_proxy(settings_for(models, pair.engine.url, pair.embeddings.url), Timeouts())
    with httpx.Client(base_url=proxy.url, timeout=2.5) as client:
        for _ in range(20):
            assert len(client.get("/api/tags").json()["models"]) == 2
            assert len(client.get("/v1/models").json()["data"]) == 2
            assert client.get("/api/ps").json() == {"models": []}
    for server in (pair.engine, pair.embeddings):
        (asked,) = server.asked(LISTING)
        assert asked.gone.wait(2)


def test_a_name_that_nobody_knows_is_found_out_once(
    start_proxy: StartProxy, pair: Pair, models: Path, clock: Clock
) -> None:
    pair.embeddings.silent = True
    client = start_proxy(settings_for(models, pair.engine.url, pair.embeddings.url), HASTY).client
    assert statuses(client, "/api/chat", CHAT | {"model": "foo"}, 3) == [503, 503, 503]
    assert len(pair.embeddings.asked(LISTING)) == 1
    pair.embeddings.silent = False
    clock.seconds += 6
    assert statuses(client, "/api/chat", CHAT | {"model": "foo"}, 1) == [404]


def test_a_server_that_speaks_again_is_noticed(
    start_proxy: StartProxy, engine: ShyEngine, models: Path, clock: Clock
) -> None:
    engine.silent = True
    client = start_proxy(settings_for(models, engine.url), HASTY).client
    loads = {"model": "smollm2:135m"}
    assert statuses(client, "/api/chat", loads, 1) == [503]
    engine.silent = False
    clock.seconds += 6
    assert statuses(client, "/api/chat", loads, 1) == [200]
    assert len(client.get("/api/ps").json()["models"]) == 1


def test_a_fresh_listing_is_not_asked_for_again(
    start_proxy: StartProxy, pair: Pair, models: Path, clock: Clock
) -> None:
    client = start_proxy(settings_for(models, pair.engine.url, pair.embeddings.url)).client
    statuses(client, "/api/chat", CHAT, 3)
    clock.seconds += 31
    statuses(client, "/api/chat", CHAT, 3)
    assert (len(pair.engine.asked(LISTING)), pair.embeddings.received) == (2, [])


def test_who_comes_meanwhile_gets_the_same_answer_though_the_first_has_left(
    start_proxy: StartProxy, models: Path
) -> None:
    gate = Gate()

    class Slow(FakeEngine):
        def answer(self, request: Received) -> Script:
            answer = super().answer(request)
            return [gate, *answer] if request.path == LISTING else answer

    with Slow() as engine, ThreadPoolExecutor(8) as pool:
        proxy = start_proxy(settings_for(models, engine.url))
        with closing(raw_post(proxy.port, "/api/chat", CHAT)):
            gate.wait_until_reached()
        waiting = [pool.submit(proxy.client.post, "/api/chat", json=CHAT) for _ in range(8)]
        gate.open()
        assert [answer.result().status_code for answer in waiting] == [200] * 8
        assert len(engine.asked(LISTING)) == 1
