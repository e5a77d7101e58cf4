"""Which web pages may call, and what their browsers are told."""

from pathlib import Path

import httpx
import pytest

from proxy.settings import Address
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import CHAT_MANIFEST, NOBODY, Stack, StartProxy, describe, settings_for

CHAT = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "one two"}]}
PAGE = "http://localhost:3000"


class TestHosts:
    @pytest.mark.parametrize(
        "host", ["localhost:11434", "127.0.0.1", "[::1]:80", "192.168.1.5", "a.internal", "LOCALHOST."]
    )
    def test_local_names_and_addresses(self, stack: Stack, host: str) -> None:
        assert stack.client.get("/api/tags", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost.evil.example:80", "[", "1.2.3.4.nip.example"]
    )
    def test_other_names_on_loopback(self, stack: Stack, host: str) -> None:
        assert stack.client.get("/api/tags", headers={"host": host}).status_code == 403

    def test_other_names_beyond_loopback(self, start_proxy: StartProxy, tmp_path: Path) -> None:
        everywhere = Address("0.0.0.0", 0)
        client = start_proxy(settings_for(tmp_path, NOBODY, listen=everywhere)).client
        assert client.get("/", headers={"host": "gpu.example"}).status_code == 200
        named = start_proxy(settings_for(tmp_path, NOBODY, listen=everywhere, hosts=("gpu.example",))).client
        assert named.get("/", headers={"host": "gpu.example:11434"}).status_code == 200
        assert named.get("/", headers={"host": "evil.example"}).status_code == 403


def ask(client: httpx.Client, origin: str, **more: str) -> httpx.Response:
    return client.get("/api/tags", headers={"origin": origin, **more})


class TestPages:
    @pytest.mark.parametrize(
        "origin",
        [
            PAGE,
            "https://127.0.0.1",
            "HTTP://LocalHost",
            "http://[::1]:8080",
            "app://obsidian.md",
            "tauri://localhost",
            "vscode-webview://abc",
            "chrome-extension://abc",
            "moz-extension://abc",
        ],
    )
    def test_local_ones_may_call_and_read(self, stack: Stack, origin: str) -> None:
        answer = ask(stack.client, origin)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "null",
            "http://[",
            "://",
            "ftp://localhost",
        ],
    )
    def test_others_may_not(self, stack: Stack, origin: str) -> None:
        for method in ("GET", "POST", "OPTIONS"):
            answer = stack.client.request(method, "/api/chat", headers={"origin": origin})
            assert answer.status_code == 403
            assert "--origins" in answer.json()["error"]
            assert "access-control-allow-origin" not in answer.headers
        assert stack.engine.received == []

    def test_a_page_of_the_same_address_asks_for_nothing(
        self, start_proxy: StartProxy, tmp_path: Path
    ) -> None:
        everywhere = settings_for(tmp_path, NOBODY, listen=Address("0.0.0.0", 0))
        answer = ask(start_proxy(everywhere).client, "https://gpu.example", host="gpu.example")
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers

    def test_without_an_origin_nothing_is_told(self, stack: Stack) -> None:
        answer = stack.client.get("/api/tags")
        assert not {"vary", "access-control-allow-origin"} & set(answer.headers)

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/api/show", 400),
            ("/nothing", 404),
            ("/api/tags", 405),
            ("/v1/chat/completions", 400),
            ("/api/chat/", 307),
        ],
    )
    def test_errors_can_be_read_too(self, stack: Stack, path: str, status: int) -> None:
        answer = stack.client.post(stack.proxy.url + path, content="{", headers={"origin": PAGE})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == PAGE

    @pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
    def test_streams_too(self, stack: Stack, path: str) -> None:
        answer = stack.client.post(path, json=CHAT | {"stream": True}, headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "two" in answer.text


class TestPreflight:
    ASKING = {"origin": PAGE, "access-control-request-method": "POST"}  # noqa: RUF012 - nobody changes it

    @pytest.mark.parametrize("path", ["/api/chat", "/v1/messages", "/nothing"])
    def test_is_answered_without_a_body(self, stack: Stack, path: str) -> None:
        answer = stack.client.options(path, headers=self.ASKING)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert {"GET", "POST", "DELETE", "HEAD"} <= set(
            answer.headers["access-control-allow-methods"].split(", ")
        )
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        assert int(answer.headers["access-control-max-age"]) > 0

    def test_any_header_may_be_sent(self, stack: Stack) -> None:
        wanted = "authorization,x-stainless-os,anthropic-version"
        answer = stack.client.options(
            "/api/chat", headers=self.ASKING | {"access-control-request-headers": wanted}
        )
        assert answer.headers["access-control-allow-headers"] == wanted

    def test_the_connection_goes_on(self, stack: Stack) -> None:
        for _ in range(3):
            assert stack.client.options("/api/chat", headers=self.ASKING).status_code == 204
            assert stack.client.get("/").text == "Ollama is running"


class TestSetOrigins:
    @pytest.mark.parametrize(
        ("allowed", "origin", "status"),
        [
            ("https://chat.example", "https://chat.example", 200),
            ("https://chat.example", "https://Chat.Example", 200),
            ("https://chat.example", "https://chat.example:8443", 403),
            ("https://chat.example", "https://chat.example.evil", 403),
            ("https://chat.example:*", "https://chat.example:8443", 200),
            ("https://*.example", "https://a.b.example", 200),
            ("https://*.example", "https://example", 403),
            ("https://*.example", "https://a.example.evil", 403),
            ("*://a.example", "obsidian://a.example", 200),
            ("https://a*a.example", "https://a.example", 403),
        ],
    )
    def test_by_name_and_wildcard(
        self, start_proxy: StartProxy, tmp_path: Path, allowed: str, origin: str, status: int
    ) -> None:
        client = start_proxy(settings_for(tmp_path, NOBODY, origins=(allowed,))).client
        assert ask(client, origin).status_code == status
        assert ask(client, PAGE).status_code == 200

    def test_all(self, start_proxy: StartProxy, tmp_path: Path, engine: FakeEngine) -> None:
        describe(tmp_path, CHAT_MANIFEST)
        client = start_proxy(settings_for(tmp_path, engine.url, origins=("*",))).client
        for origin in ("https://anywhere.example", "null"):
            answer = ask(client, origin)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "vary" not in answer.headers
        answer = client.post("/api/chat", json=CHAT, headers={"origin": "null"})
        assert answer.headers["access-control-allow-origin"] == "*"
