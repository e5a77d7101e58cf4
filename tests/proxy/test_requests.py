"""How large, how slow and how many requests may be."""

import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

import proxy.app
from proxy.dialect.errors import BUSY
from proxy.http import listening
from tests.fakes.fake_engine import STREAM, FakeEngine, said, streamed
from tests.fakes.fake_server import Gate
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    RunningProxy,
    Stack,
    StartProxy,
    describe,
    raw_post,
    settings_for,
)
from tests.proxy.waiting import until

CHAT: dict[str, Any] = {
    "model": "smollm2:135m",
    "messages": [{"role": "user", "content": "one"}],
    "stream": False,
}
POST = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"


def connect(proxy: RunningProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def until_closed(connection: socket.socket) -> bytes:
    """All that comes; fails where the connection is kept."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


class TestSlowClients:
    @pytest.fixture(autouse=True)
    def _impatience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proxy.app, "BODY_SECONDS", 0.2)
        monkeypatch.setattr(listening, "HEAD_SECONDS", 0.2)
        monkeypatch.setattr(listening, "TAKING_SECONDS", 0.2)

    @pytest.mark.parametrize(
        ("path", "kind"), [("/api/chat", b'"error":"the request'), ("/v1/messages", b'"type":"error"')]
    )
    @pytest.mark.parametrize("begun", [b"", b"{"])
    def test_a_body_that_stops_coming(self, stack: Stack, path: str, kind: bytes, begun: bytes) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (path.encode(), 100) + begun)
            answer = until_closed(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert kind in answer
        assert stack.client.post("/api/chat", json=CHAT).status_code == 200

    def test_a_body_that_drips(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each byte comes soon after the one before, and all of them take too long."""
        monkeypatch.setattr(proxy.app, "BODY_RATE", 1_000_000)
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (b"/api/chat", 100_000))
            connection.settimeout(0.01)
            answer = b""
            for _ in range(500):
                try:
                    connection.sendall(b" ")
                    answer += connection.recv(65536)
                    break
                except TimeoutError:
                    continue
        assert answer.startswith(b"HTTP/1.1 408 ")

    def test_what_is_large_has_more_time(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proxy.app, "BODY_RATE", 1)
        body = b'{"model": "smollm2:135m", "keep_alive": 0}'
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (b"/api/chat", len(body)) + body[:-1])
            with closing(connect(stack.proxy)) as other:
                other.sendall(POST % (b"/api/chat", 10))
                assert until_closed(other).startswith(b"HTTP/1.1 408 ")
            connection.sendall(body[-1:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")

    def test_an_answer_that_is_not_taken(self, stack: Stack) -> None:
        """More of it than the sockets on the way hold."""
        stack.engine.plan(streamed(said(["x" * 1_000_000] * 20)))
        with closing(raw_post(stack.proxy.port, "/api/chat", CHAT | {"stream": True})) as connection:
            stack.engine.wait_for("/v1/chat/completions")
            # The question itself is one.
            until(lambda: "\ngfxpack_requests_in_progress 1\n" in stack.client.get("/metrics").text)
            assert connection.recv(1)

    @pytest.mark.parametrize("begun", [b"", b"\r\n", b"POST /api/chat HTTP/1.1\r\nhost: local"])
    def test_a_head_that_does_not_come(self, stack: Stack, begun: bytes) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(begun)
            assert until_closed(connection) == b""

    def test_nor_after_an_earlier_request(self, stack: Stack) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b"Ollama is running" in connection.recv(65536)
            connection.sendall(b"GET / HT")
            assert until_closed(connection) == b""

    @pytest.mark.parametrize(("path", "status"), [(b"/nothing", b"404"), (b"/api/tags", b"405")])
    def test_a_body_that_nobody_asked_for(self, stack: Stack, path: bytes, status: bytes) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (path, 100))
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)
            connection.sendall(b"{")
            assert until_closed(connection) == b""

    def test_an_answer_may_take_its_time(self, stack: Stack) -> None:
        """The end of a line that some send after their body is not the begin of a request."""
        gate = Gate()
        stack.engine.plan([gate, *streamed(said(["one"]))])
        with closing(raw_post(stack.proxy.port, "/api/chat", CHAT)) as connection:
            gate.wait_until_reached()
            connection.sendall(b"\r\n")
            with closing(connect(stack.proxy)) as other:
                assert until_closed(other) == b""
            gate.open()
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


class TestLargeRequests:
    @pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
    def test_a_large_body_closes_the_connection(self, stack: Stack, path: str) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (path.encode(), proxy.app.BODY_LIMIT + 1))
            answer = until_closed(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"the limit is 67108864 bytes" in answer

    @pytest.mark.parametrize("line", [b"x-long: %s", b"cookie: a\r\nx: %s"])
    def test_headers_without_end(self, stack: Stack, line: bytes) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(
                b"GET / HTTP/1.1\r\nhost: localhost\r\n" + line % (b"x" * listening.HEAD_LIMIT)
            )
            assert until_closed(connection).startswith(b"HTTP/1.1 431 ")

    def test_a_path_without_end(self, stack: Stack) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(b"GET /" + b"x" * listening.HEAD_LIMIT)
            assert until_closed(connection).startswith(b"HTTP/1.1 431 ")

    def test_long_headers_are_fine(self, stack: Stack) -> None:
        headers = {f"x-{number}": "x" * 1000 for number in range(60)}
        assert stack.client.get("/", headers=headers).status_code == 200

    def test_many_requests_on_one_connection_are_not_one_large_one(self, stack: Stack) -> None:
        body = b" " * 40_000 + b'{"model": "smollm2:135m", "keep_alive": 0}'
        with closing(connect(stack.proxy)) as connection:
            for _ in range(8):
                connection.sendall(POST % (b"/api/chat", len(body)) + body)
                assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


class TestManyRequests:
    @pytest.fixture
    def narrow(self, start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> RunningProxy:
        describe(tmp_path, CHAT_MANIFEST)
        return start_proxy(settings_for(tmp_path, engine.url, max_queue=2))

    def test_no_more_than_so_many_are_under_way(self, narrow: RunningProxy, engine: FakeEngine) -> None:
        with ExitStack() as stack:
            for _ in range(2):
                gate = Gate()
                engine.plan([STREAM, gate])
                stack.enter_context(closing(raw_post(narrow.port, "/api/chat", CHAT)))
                gate.wait_until_reached()
            answer = narrow.client.post("/api/generate", json={"model": "smollm2:135m", "prompt": "x"})
            assert (answer.status_code, answer.json()) == (503, {"error": BUSY})
            assert int(answer.headers["retry-after"]) > 0
            answer = narrow.client.post("/v1/chat/completions", json=CHAT)
            assert (answer.status_code, answer.json()["error"]["message"]) == (503, BUSY)
            answer = narrow.client.post("/v1/messages", json=CHAT)
            assert answer.json()["error"]["type"] == "overloaded_error"
            assert narrow.client.get("/api/tags").status_code == 200
        assert engine.wait_for("/v1/chat/completions").gone.wait(2)
        assert narrow.client.post("/api/chat", json=CHAT).status_code == 200

    def test_all_bodies_together_are_only_so_large(
        self, start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each of them may be as large as memory would not bear many."""
        monkeypatch.setattr(proxy.app, "BODIES_LIMIT", 1_500_000)
        describe(tmp_path, CHAT_MANIFEST)
        running = start_proxy(settings_for(tmp_path, engine.url))
        gate = Gate()
        engine.plan([gate, *streamed(said(["one"]))])
        large = CHAT | {"ignored": "x" * 1_000_000}
        with closing(raw_post(running.port, "/api/chat", large)) as first:
            gate.wait_until_reached()
            answer = running.client.post("/v1/chat/completions", json=large)
            assert (answer.status_code, answer.json()["error"]["message"]) == (503, BUSY)
            assert running.client.post("/api/show", json={"model": CHAT["model"]}).status_code == 200
            gate.open()
            assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        for _ in range(3):
            assert running.client.post("/api/chat", json=large).status_code == 200

    def test_what_fails_makes_room_again(self, narrow: RunningProxy) -> None:
        for _ in range(5):
            assert narrow.client.post("/api/chat", content="{").status_code == 400
            assert narrow.client.post("/api/chat", json=CHAT | {"model": "foo"}).status_code == 404
        assert narrow.client.post("/api/chat", json=CHAT).status_code == 200


class TestOffersOfHttp2:
    """As Java's client makes them with its first request."""

    HEAD = (
        b"POST /api/show HTTP/1.1\r\nhost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade: h2c\r\n"
    )
    BODY = b'{"model": "smollm2:135m"}'
    WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY)
    CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(BODY)

    @pytest.mark.parametrize(
        "parts",
        [[WHOLE + BODY], [WHOLE, BODY], [WHOLE + BODY[:5], BODY[5:]], [CHUNKED + BODY + b"\r\n0\r\n\r\n"]],
        ids=["at once", "body later", "body in parts", "chunked"],
    )
    def test_are_not_taken_and_cost_no_body(self, stack: Stack, parts: list[bytes]) -> None:
        with closing(connect(stack.proxy)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(2):
                for part in parts:
                    connection.sendall(part)
                assert b'"family":"llama"' in connection.recv(65536)

    def test_a_body_may_speak_of_them(self, stack: Stack) -> None:
        body = b'{"model":\r\nupgrade: h2c'
        with closing(connect(stack.proxy)) as connection:
            connection.sendall(POST % (b"/api/show", len(body)) + body)
            assert b"looking for beginning of value" in connection.recv(65536)


def test_a_connection_is_kept(stack: Stack) -> None:
    with closing(connect(stack.proxy)) as connection:
        for _ in range(3):
            connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert b"Ollama is running" in connection.recv(65536)
