"""API keys: who needs one, how it comes along, and that nobody else gets to see it."""

import re
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from ollama import Client, ResponseError

from proxy.entrance.keys import KeysError, read_keys
from tests.fakes.fake_engine import STREAM, FakeEngine
from tests.fakes.fake_server import Gate
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    RunningProxy,
    describe,
    raw_post,
    settings_for,
)

SECRET = "s3cret-of-alice"
OTHER = "s3cret-of-bob"
KEYS = read_keys(f"alice:{SECRET}\nbob:{OTHER}")
CHAT = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "one"}], "stream": False}
BEARER = {"authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def _engine() -> Iterator[FakeEngine]:
    with FakeEngine() as engine:
        yield engine


@pytest.fixture(scope="module")
def proxy(_engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    models = tmp_path_factory.mktemp("models")
    describe(models, CHAT_MANIFEST)
    proxy = RunningProxy(settings_for(models, _engine.url, keys=KEYS, key_limit=1))
    yield proxy
    proxy.stop()


@pytest.fixture
def engine(_engine: FakeEngine) -> FakeEngine:
    _engine.reset()
    return _engine


@pytest.fixture
def client(proxy: RunningProxy) -> httpx.Client:
    return proxy.client


class TestFile:
    def test_lines(self) -> None:
        keys = read_keys("# ours\n\n  alice : abc \nplain-key\r\nbob:with:colon\n")
        assert [key.name for key in keys] == ["alice", "key-4", "bob"]

    def test_only_digests_are_kept(self) -> None:
        assert SECRET not in repr(KEYS)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "there is no key in it"),
            ("# nothing\n\n", "there is no key in it"),
            ("a:x\nb:x", "a key stands there twice"),
            ("a:x\na:y", "a name stands there twice"),
            ("a:", "line 1 is neither KEY nor NAME:KEY"),
            (":x", "line 1 is neither KEY nor NAME:KEY"),
            ("ok\na b c", "line 2 is neither KEY nor NAME:KEY"),
            ("na me:x", "line 1 is neither KEY nor NAME:KEY"),
            ("a:\u00fcber", "line 1 is neither KEY nor NAME:KEY"),
        ],
    )
    def test_bad_ones(self, text: str, message: str) -> None:
        with pytest.raises(KeysError, match=f"^{re.escape(message)}$"):
            read_keys(text)


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer  {SECRET}"},
        {"x-api-key": SECRET},
        {"x-api-key": OTHER, "authorization": "Basic abc"},
    ],
)
def test_ways_to_send_one(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.post("/api/chat", json=CHAT, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": ""},
        {"authorization": "Bearer wrong"},
        {"authorization": SECRET},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"Bearer {SECRET.upper()}"},
        {"x-api-key": "alice"},
        {"x-api-key": f"alice:{SECRET}"},
        {"authorization": "Bearer wrong", "x-api-key": SECRET},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/api/tags", "/api/version", "/metrics", "/nothing", "//api/tags"])
def test_without_one_there_is_nothing(
    client: httpx.Client, engine: FakeEngine, path: str, method: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, str(client.base_url) + path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="gfxpack"')
    told = answer.json()
    assert (type(told["error"]), told["signin_url"]) == (str, "")
    assert engine.received == []


@pytest.mark.parametrize("path", ["/", "/health"])
def test_what_is_for_everyone(client: httpx.Client, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert client.request(method, path).status_code == 200
    page = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    assert client.options("/api/chat", headers=page).status_code == 204


def test_a_refusal_has_the_dialects_shape_and_can_be_read_by_pages(client: httpx.Client) -> None:
    page = {"origin": "http://localhost:3000"}
    answer = client.post("/v1/chat/completions", json=CHAT, headers=page)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, page["origin"])
    error = answer.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "invalid_api_key",
        None,
    )
    answer = client.post("/v1/messages", json=CHAT, headers={"x-api-key": "wrong"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


def test_a_refused_body_is_not_read(proxy: RunningProxy) -> None:
    answer = proxy.client.post("/api/chat", content=b"x" * 10_000_000)
    assert answer.status_code == 401


def test_the_engine_never_sees_one(client: httpx.Client, engine: FakeEngine) -> None:
    for path in ("/api/chat", "/v1/chat/completions", "/v1/completions"):
        client.post(
            path, json=CHAT | {"prompt": "x"}, headers=BEARER | {"x-api-key": OTHER, "cookie": SECRET}
        )
    assert len(engine.received) >= 3
    for request in engine.received:
        assert SECRET not in str(request.headers)
        assert OTHER not in str(request.headers)
        assert not {"authorization", "x-api-key", "cookie"} & set(request.headers)


def test_ollamas_client_sends_it(proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Client(host=proxy.url) as client,
        pytest.raises(ResponseError, match="an API key is needed") as caught,
    ):
        client.list()
    assert caught.value.status_code == 401
    monkeypatch.setenv("OLLAMA_API_KEY", SECRET)
    with Client(host=proxy.url) as client:
        assert client.list().models[0].model == "smollm2:135m"


def test_one_key_has_a_share_of_its_own(proxy: RunningProxy, engine: FakeEngine) -> None:
    gate = Gate()
    engine.plan([STREAM, gate])
    with closing(raw_post(proxy.port, "/api/chat", CHAT, BEARER)):
        gate.wait_until_reached()
        answer = proxy.client.post("/v1/chat/completions", json=CHAT, headers=BEARER)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) > 0
        assert proxy.client.get("/api/tags", headers=BEARER).status_code == 200
        bob = {"x-api-key": OTHER}
        assert proxy.client.post("/api/chat", json=CHAT, headers=bob).status_code == 200
