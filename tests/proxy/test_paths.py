"""What is not there, what was meant, and what answers without any engine: paths and methods."""

import socket
from contextlib import closing

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proxy.conftest import Stack

CLOUD_IS_OFF = "ollama cloud is disabled: "


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/api"),
        ("POST", "/api/nothing"),
        ("GET", "/api/chat/"),
        ("POST", "/api/web_search"),
        ("POST", "/api/signin"),
        ("GET", "/api/blobs"),
        ("OPTIONS", "/nothing"),
    ],
)
def test_an_unknown_path_is_told_in_plain_text(stack: Stack, method: str, path: str) -> None:
    answer = stack.client.request(method, path)
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/chat", "POST"),
        ("DELETE", "/api/tags", "HEAD, GET"),
        ("HEAD", "/api/ps", "GET"),
        ("HEAD", "/api/status", "GET"),
        ("OPTIONS", "/api/chat", "POST"),
        ("PATCH", "/", "HEAD, GET"),
        ("PROPFIND", "/api/version", "HEAD, GET"),
        ("GET", "/api/user/keys/abc", "DELETE"),
    ],
)
def test_a_wrong_method(stack: Stack, method: str, path: str, allowed: str) -> None:
    answer = stack.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.text == ("" if method == "HEAD" else "405 method not allowed")


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/files", "/v1/chat", "/v1/load_lora_adapter"])
def test_an_unknown_path_under_v1_has_openais_shape(stack: Stack, path: str) -> None:
    answer = stack.client.post(path, json={})
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("not_found_error", None, None)
    assert stack.engine.received == []


def test_a_wrong_method_under_v1(stack: Stack) -> None:
    answer = stack.client.get("/v1/chat/completions")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert stack.client.head("/v1/models").status_code == 405
    assert stack.client.get("/v1/messages").json()["type"] == "error"


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("GET", "/api/tags/", 301, "/api/tags"),
        ("HEAD", "/api/tags/", 301, "/api/tags"),
        ("POST", "/api/chat/", 307, "/api/chat"),
        ("DELETE", "/api/user/keys/abc/", 307, "/api/user/keys/abc"),
        ("POST", "//api/chat", 307, "/api/chat"),
        ("POST", "/v1//chat/completions?beta=true", 307, "/v1/chat/completions?beta=true"),
        ("GET", "//elsewhere.example/x", 301, "/elsewhere.example/x"),
        ("GET", "/%2f%2felsewhere.example", 301, "/elsewhere.example"),
        ("GET", "/api//x%0d%0aset-cookie:a", 301, "/api/x%0D%0Aset-cookie%3Aa"),
        ("GET", "/api/../api/./tags", 301, "/api/tags"),
        ("GET", "/v1/models/hf.co/a/b/", 301, "/v1/models/hf.co/a/b"),
    ],
)
def test_slashes_and_dots_too_many_lead_to_what_was_meant(
    stack: Stack, method: str, path: str, status: int, location: str
) -> None:
    """Written by hand: a client would clean the path itself."""
    with closing(socket.create_connection(("127.0.0.1", stack.proxy.port), timeout=5)) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        start, *headers = connection.recv(65536).decode().split("\r\n")
    assert start.split(" ")[1] == str(status)
    assert f"location: {location}" in headers


def test_a_client_that_follows_arrives_with_its_body(stack: Stack) -> None:
    with httpx.Client(base_url=stack.proxy.url, follow_redirects=True, trust_env=False) as client:
        answer = client.post(f"{stack.proxy.url}//api/show", json={"model": "smollm2:135m"})
    assert answer.json()["details"]["family"] == "llama"


@pytest.mark.parametrize("path", ["/api/%74ags", "/api%2ftags", "/api/tags?verbose=1", "/api/tags#x"])
def test_how_a_path_is_written_does_not_matter(stack: Stack, path: str) -> None:
    assert "models" in stack.client.get(path).json()


@pytest.mark.parametrize("path", [b"/\xff\xfe", b"/%ff%fe", b"/%zz", b"/%00", b"*", b"/" + b"a" * 10_000])
def test_a_path_that_is_none(stack: Stack, path: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", stack.proxy.port), timeout=5)) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert connection.recv(65536).startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))


TARGET = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["host", "origin", "authorization", "x-api-key", "content-encoding", "expect", "upgrade"]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, blacklist_characters="\x7f"), max_size=20)
    | st.sampled_from(["http://localhost", "https://[", "Bearer x", "100-continue", "h2c", "localhost:x"]),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE"]),
    target=st.sampled_from(["/", "/api/", "/v1/models/", "//", "/../"]).flatmap(
        lambda at: TARGET.map(at.__add__)
    ),
    headers=HEADERS,
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_is_asked_for_is_no_failure_of_ours(
    stack: Stack, method: str, target: str, headers: dict[str, str]
) -> None:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
    with closing(socket.create_connection(("127.0.0.1", stack.proxy.port), timeout=5)) as connection:
        connection.sendall(request)
        start = connection.recv(65536)
    assert start.startswith(b"HTTP/1.1 ")
    assert int(start.split(b" ")[1]) < 500


class TestTheCloud:
    def test_is_off(self, lonely: httpx.Client) -> None:
        assert lonely.get("/api/status").json() == {"cloud": {"disabled": True, "source": "env"}}
        assert lonely.get("/api/experimental/model-recommendations").json() == {"recommendations": []}

    def test_nobody_is_signed_in(self, lonely: httpx.Client) -> None:
        answer = lonely.post("/api/me")
        assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized", "signin_url": ""})
        for answer in (lonely.post("/api/signout"), lonely.delete("/api/user/keys/c3NoLWVkMjU1MTk")):
            assert answer.status_code == 401
            assert answer.json() == {"error": "you are not currently signed in"}

    @pytest.mark.parametrize("what", ["web_search", "web_fetch"])
    def test_nothing_is_searched(self, lonely: httpx.Client, what: str) -> None:
        path = f"/api/experimental/{what}"
        answer = lonely.post(path, json={"query": "x"})
        assert answer.status_code == 403
        assert answer.json() == {"error": f"{CLOUD_IS_OFF}{what.replace('_', ' ')} is unavailable"}
        answer = lonely.post(path, content=b" ")
        assert (answer.status_code, answer.json()) == (400, {"error": "missing request body"})
