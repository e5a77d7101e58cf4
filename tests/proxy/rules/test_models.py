"""What is said of models that cannot be shown, made, copied, sent, fetched or removed."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.proxy.conftest import Stack
from tests.proxy.rules.table import PLAIN, Json, Row, rows

SHOW, CREATE, COPY = "POST /api/show", "POST /api/create", "POST /api/copy"
PULL, PUSH, DELETE = "POST /api/pull", "POST /api/push", "DELETE /api/delete"

NO_NAMES = {
    "a b": '"a b"',
    "../x": '"../x"',
    "..": '".."',
    "/etc/passwd": '"/etc/passwd"',
    "a/../b": '"a/../b"',
    "a/b/c/d": '"a/b/c/d"',
    "a\0b": r'"a\x00b"',
    "x" * 81: f'"{"x" * 81}"',
    "n.s/m": '"n.s/m"',
    'a"b': r'"a\"b"',
    "a:": '"a:"',
    "\u00e9": '"\u00e9"',
    "a\u2028b": r'"a\u2028b"',
}
BOTH = 'use either :local or :cloud, not both: "a:cloud:local"'


def show() -> Iterator[Row]:
    yield Row(SHOW, {}, 400, "model is required")
    yield Row(SHOW, {"model": "", "name": " "}, 400, "model is required")
    yield Row(SHOW, {"model": "foo"}, 404, "model 'foo:latest' not found")
    yield Row(SHOW, {"name": "Foo"}, 404, "model 'Foo:latest' not found")
    yield Row(SHOW, {"model": "registry.ollama.ai/library/foo:1"}, 404, "model 'foo:1' not found")
    yield Row(SHOW, {"model": "hf.co/a/b"}, 404, "model 'hf.co/a/b:latest' not found")
    yield Row(
        SHOW, {"model": "foo:cloud"}, 403, "ollama cloud is disabled: remote model details are unavailable"
    )
    yield Row(SHOW, {"model": "a:cloud:local"}, 400, BOTH)
    for name in NO_NAMES:
        yield Row(SHOW, {"model": name}, 400, "invalid model name")


@rows(show())
def test_show(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def copy() -> Iterator[Row]:
    yield Row(COPY, {"source": "foo", "destination": "bar"}, 404, 'model "foo" not found')
    yield Row(COPY, {}, 400, 'source "" is invalid')
    yield Row(COPY, {"source": PLAIN}, 400, 'destination "" is invalid')
    for name, shown in NO_NAMES.items():
        yield Row(COPY, {"source": name, "destination": "bar"}, 400, f"source {shown} is invalid")
        yield Row(COPY, {"source": PLAIN, "destination": name}, 400, f"destination {shown} is invalid")


@rows(copy())
def test_copy(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def delete() -> Iterator[Row]:
    yield Row(DELETE, {"model": "foo"}, 404, "model 'foo' not found")
    yield Row(DELETE, {"name": "foo"}, 404, "model 'foo' not found")
    yield Row(DELETE, {"model": "a:cloud:local"}, 400, BOTH)
    for name, shown in NO_NAMES.items():
        yield Row(DELETE, {"model": name}, 400, f"name {shown} is invalid")


@rows(delete())
def test_delete(ruled: Stack, row: Row) -> None:
    row.check(ruled)


DIGEST = "sha256:" + "ab" * 32
NO_DIGESTS = (
    *("", "x", "sha256", "sha256:", "sha256:" + "a" * 63, "sha256:" + "a" * 65, "md5:" + "a" * 32),
    *("sha256:" + "g" * 64, "sha256/" + "a" * 64, "ab" * 32, f" {DIGEST}", f"{DIGEST}\n"),
)


def create() -> Iterator[Row]:
    neither = "neither 'from' or 'files' was specified"
    yield Row(CREATE, {"model": "bar"}, 400, neither)
    yield Row(CREATE, {"model": "bar", "from": ""}, 400, neither)
    yield Row(CREATE, {"model": "bar", "files": {}}, 400, "no files provided to convert")
    for path in ("/etc/passwd", "../x", "..", "", "a/../b", "a//b", "./a", "a/"):
        files = {"model": "bar", "files": {path: DIGEST}}
        yield Row(CREATE, files, 400, "file path must be relative")
    for digest in NO_DIGESTS:
        files = {"model": "bar", "files": {"a": digest}}
        yield Row(CREATE, files, 400, "invalid digest format")
        yield Row(CREATE, {"model": "bar", "adapters": {"a": digest}}, 400, "invalid digest format")
    for name in NO_NAMES:
        yield Row(CREATE, {"model": name, "from": PLAIN}, 400, "invalid model name")
        yield Row(CREATE, {"model": "bar", "from": name}, 400, "invalid model name")
    wrong = "json: cannot unmarshal {} into Go struct field CreateRequest.{} of type {}"
    told = wrong.format("number", "system", "string")
    yield Row(CREATE, {"model": "bar", "from": PLAIN, "system": 5}, 400, told)
    told = wrong.format("string", "messages", "[]api.Message")
    yield Row(CREATE, {"model": "bar", "from": PLAIN, "messages": "x"}, 400, told)


@rows(create())
def test_create(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def exchange() -> Iterator[Row]:
    yield Row(PUSH, {}, 400, "model is required")
    yield Row(PULL, {}, 400, "invalid model name")
    yield Row(PULL, {"model": "a:cloud:local"}, 400, BOTH)
    for name in NO_NAMES:
        yield Row(PULL, {"model": name}, 400, "invalid model name")
        yield Row(PUSH, {"model": name}, 400, "invalid model name")
    wrong = "json: cannot unmarshal string into Go struct field {}.stream of type bool"
    yield Row(PULL, {"model": "foo", "stream": "x"}, 400, wrong.format("PullRequest"))
    yield Row(PUSH, {"model": "foo", "stream": "x"}, 400, wrong.format("PushRequest"))


@rows(exchange())
def test_pull_and_push(ruled: Stack, row: Row) -> None:
    row.check(ruled)


@pytest.mark.parametrize("digest", [digest for digest in NO_DIGESTS if digest])
@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_blobs_of_no_digest(ruled: Stack, method: str, digest: str) -> None:
    path = "/api/blobs/" + digest.replace("\n", "%0a").replace(" ", "%20")
    answer = ruled.client.request(method, path, content=b"x" if method == "POST" else None)
    assert answer.status_code == 400
    if method == "POST":
        assert answer.json() == {"error": "invalid digest format"}


@pytest.mark.parametrize("traversal", ["sha256:..%2f" + "a" * 61, "sha256:" + "a" * 64 + "%2fx", "%00"])
def test_blobs_lead_nowhere_else(ruled: Stack, traversal: str) -> None:
    assert ruled.client.post(f"/api/blobs/{traversal}", content=b"x").status_code == 400
    assert ruled.client.head(f"/api/blobs/{traversal}").status_code == 400


def test_a_blob_that_is_not_here(ruled: Stack) -> None:
    assert ruled.client.head(f"/api/blobs/{DIGEST}").status_code == 404


def test_a_blob_of_another_digest(ruled: Stack) -> None:
    answer = ruled.client.post(f"/api/blobs/{DIGEST}", content=b"x")
    found = hashlib.sha256(b"x").hexdigest()
    told: Json = {"error": f'digest mismatch, expected "{DIGEST}", got "sha256:{found}"'}
    assert (answer.status_code, answer.json()) == (400, told)
    assert ruled.client.head(f"/api/blobs/{DIGEST}").status_code == 404
