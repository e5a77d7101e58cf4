"""What operators see: the figures, their form, and that nobody can make them grow without end."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proxy.entrance.keys import read_keys
from tests.fakes.fake_engine import STREAM, FakeEngine, delta, error, event, said, streamed
from tests.fakes.fake_server import Close, Gate, chunk, whole
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    NOBODY,
    RunningProxy,
    StartProxy,
    describe,
    raw_post,
    settings_for,
)
from tests.proxy.exposition import Family, families

MODEL = "smollm2:135m"
CHAT: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "one two"}]}
ROUTE = "/api/chat"


@pytest.fixture
def proxy(start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> RunningProxy:
    describe(tmp_path, CHAT_MANIFEST)
    return start_proxy(settings_for(tmp_path, engine.url))


Read = Callable[[], dict[str, Family]]


@pytest.fixture
def read(proxy: RunningProxy) -> Read:
    def scrape() -> dict[str, Family]:
        answer = proxy.client.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return families(answer.text)

    return scrape


def test_everything_is_named_from_the_start(read: Read) -> None:
    found = read()
    assert found["gfxpack_build_info"].value() == 1
    assert found["gfxpack_requests_in_progress"].value() == 1
    assert found["gfxpack_server_up"].value(server="chat") == 1
    assert found["process_resident_memory_bytes"].value() > 10_000_000
    assert found["process_cpu_seconds_total"].value() > 0
    assert found["process_start_time_seconds"].value() > 1.7e9
    assert found["process_open_fds"].value() > 3
    assert found["gfxpack_prompt_tokens_total"].samples == {}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_chat(proxy: RunningProxy, engine: FakeEngine, read: Read, path: str, stream: bool) -> None:
    engine.plan(streamed(said(["one", "two"], prompt_tokens=7)))
    assert proxy.client.post(path, json=CHAT | {"stream": stream}).status_code == 200
    found = read()
    assert found["gfxpack_requests_total"].value(route=path, status="200", model=MODEL, key="") == 1
    assert (
        found["gfxpack_request_seconds"].samples[
            ("gfxpack_request_seconds_count", frozenset({("route", path)}))
        ]
        == 1
    )
    assert found["gfxpack_prompt_tokens_total"].value(model=MODEL) == 7
    assert found["gfxpack_written_tokens_total"].value(model=MODEL) == 3
    first = found["gfxpack_first_token_seconds"]
    if stream:
        assert first.value(route=path, model=MODEL, le="+Inf") == 1
        assert first.value(route=path, model=MODEL, le="60") == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_that_was_cut(proxy: RunningProxy, read: Read, stream: bool) -> None:
    turns = [{"role": role, "content": "word " * 400} for role in ("user", "assistant", "user")]
    asked = CHAT | {"messages": [*turns, *CHAT["messages"]], "options": {"num_ctx": 300}, "stream": stream}
    assert proxy.client.post(ROUTE, json=asked).status_code == 200
    proxy.client.post(ROUTE, json=CHAT)
    assert read()["gfxpack_truncated_prompts_total"].value(model=MODEL) == 1


def test_errors_and_who_is_to_blame(proxy: RunningProxy, engine: FakeEngine, read: Read) -> None:
    proxy.client.post(ROUTE, json=CHAT | {"model": "foo"})
    proxy.client.post(ROUTE, content="{")
    proxy.client.get("/nothing")
    engine.plan(whole(error("Loading model", 503), 503))
    proxy.client.post(ROUTE, json=CHAT)
    engine.plan([STREAM, chunk(event(delta(content="one "))), Close()])
    proxy.client.post(ROUTE, json=CHAT)
    engine.plan(streamed([error("it broke", 500)]))
    proxy.client.post(ROUTE, json=CHAT)
    found = read()
    requests = found["gfxpack_requests_total"]
    assert requests.value(route=ROUTE, status="404", model="unknown") == 1
    assert requests.value(route=ROUTE, status="400", model="unknown") == 1
    assert requests.value(route="none", status="404", model="") == 1
    assert requests.value(route=ROUTE, status="503", model=MODEL) == 1
    assert requests.value(route=ROUTE, status="200", model=MODEL) == 1
    assert requests.value(route=ROUTE, status="500", model=MODEL) == 1
    assert found["gfxpack_engine_errors_total"].value(kind="unready") == 1
    assert found["gfxpack_engine_errors_total"].value(kind="broken") == 1


def test_who_went_away(proxy: RunningProxy, engine: FakeEngine, read: Read) -> None:
    gate = Gate()
    engine.plan([STREAM, gate])
    with closing(raw_post(proxy.port, ROUTE, CHAT)):
        gate.wait_until_reached()
        assert read()["gfxpack_requests_in_progress"].value() == 2
    assert engine.wait_for("/v1/chat/completions").gone.wait(2)
    found = read()
    assert found["gfxpack_requests_in_progress"].value() == 1
    assert found["gfxpack_requests_total"].value(route=ROUTE, status="499", model=MODEL) == 1


def test_names_that_clients_make_up_cost_nothing(proxy: RunningProxy, read: Read) -> None:
    def make_up(number: int) -> int:
        for path in (ROUTE, "/api/generate", "/v1/chat/completions"):
            proxy.client.post(path, json={"model": f"made-up-{number}"})
        proxy.client.get(f"/made/up/{number}")
        proxy.client.get(f"/v1/models/made-up-{number}")
        return sum(len(family.samples) for family in read().values())

    counts = [make_up(number) for number in range(30)]
    assert counts[2] == counts[-1]


def test_models_that_clients_make_are_named_up_to_a_bound(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path
) -> None:
    engine.models = {f"model-{number}:latest": 10 for number in range(250)}
    client = start_proxy(settings_for(tmp_path, engine.url)).client
    for name in engine.models:
        assert client.post(ROUTE, json=CHAT | {"model": name}).status_code == 200
    requests = families(client.get("/metrics").text)["gfxpack_requests_total"]
    assert len({dict(labels)["model"] for _, labels in requests.samples}) <= 203
    assert requests.value(model="other") == 50


def test_labels_are_quoted(start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> None:
    name = 'odd"name\\with\neverything'
    engine.models = {name: 10}
    client = start_proxy(settings_for(tmp_path, engine.url)).client
    client.post("/v1/chat/completions", json=CHAT | {"model": name})
    assert 'odd\\"name\\\\with\\neverything' in client.get("/metrics").text
    families(client.get("/metrics").text)


def test_keys_are_told_by_their_names(start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    keys = read_keys("alice:secret-a\nbob:secret-b")
    client = start_proxy(settings_for(tmp_path, engine.url, keys=keys)).client
    client.post(ROUTE, json=CHAT, headers={"x-api-key": "secret-a"})
    client.post(ROUTE, json=CHAT, headers={"x-api-key": "secret-c"})
    text = client.get("/metrics", headers={"x-api-key": "secret-b"}).text
    found = families(text)
    assert found["gfxpack_requests_total"].value(route=ROUTE, status="200", key="alice") == 1
    assert found["gfxpack_requests_total"].value(route=ROUTE, status="401", key="") == 1
    assert found["gfxpack_written_tokens_total"].value(key="alice") == 3
    assert "secret" not in text


def test_without_an_engine_it_answers(start_proxy: StartProxy, tmp_path: Path) -> None:
    client = start_proxy(settings_for(tmp_path, NOBODY)).client
    assert client.head("/metrics").status_code == 200
    found = families(client.get("/metrics").text)
    assert found["gfxpack_server_up"].value(server="chat") == 0
