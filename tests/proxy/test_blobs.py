"""Files that clients send by their digest."""

import hashlib
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from ollama import Client

from proxy.store import writing
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import RunningProxy, Stack, StartProxy, settings_for
from tests.proxy.waiting import until

CONTENT = b"content" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = f"/api/blobs/sha256:{DIGEST}"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def proxy(start_proxy: StartProxy, engine: FakeEngine, models: Path) -> RunningProxy:
    return start_proxy(settings_for(models, engine.url))


@pytest.fixture
def client(proxy: RunningProxy) -> httpx.Client:
    return proxy.client


def files(models: Path) -> list[str]:
    return sorted(path.name for path in models.rglob("*") if path.is_file() and path.name != ".lock")


def begun(proxy: RunningProxy, models: Path) -> socket.socket:
    """An upload that has come half way."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    connection.sendall(f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 7000\r\n\r\n".encode())
    connection.sendall(CONTENT[:3000])
    until(lambda: len(files(models)) == 1)
    return connection


def test_there_and_back(client: httpx.Client, models: Path) -> None:
    assert client.head(PATH).status_code == 404
    assert not models.exists()
    assert client.post(PATH, content=CONTENT).status_code == 201
    answer = client.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.head(PATH.replace(":", "-")).status_code == 200
    assert client.head(f"/api/blobs/sha256:{DIGEST.upper()}").status_code == 200
    again = client.post(PATH, content=CONTENT)
    assert (again.status_code, again.content) == (200, b"")
    assert files(models) == [f"sha256-{DIGEST}"]


@pytest.mark.parametrize("method", ["HEAD", "POST"])
@pytest.mark.parametrize(
    "text",
    [
        "sha256:abc",
        f"sha512:{DIGEST}",
        DIGEST,
        f"sha256:{DIGEST}0",
        f"sha256:{DIGEST[:-1]}g",
        f"sha256:{DIGEST}%0a",
        f"sha256:..%2f{DIGEST[5:]}",
        f"../sha256:{DIGEST}",
        f"sha256%00{DIGEST}",
    ],
)
def test_digests_at_fault(stack: Stack, method: str, text: str) -> None:
    path = f"/api/blobs/{text}"
    answer = stack.client.request(method, path, content=CONTENT, follow_redirects=True)
    assert answer.status_code in (400, 404)
    if method == "POST" and answer.status_code == 400:
        assert answer.json() == {"error": "invalid digest format"}
    assert not list(stack.models.glob(".*"))


def test_what_is_not_what_was_said(client: httpx.Client, models: Path) -> None:
    answer = client.post(PATH, content=CONTENT + b"!")
    found = hashlib.sha256(CONTENT + b"!").hexdigest()
    expected = f'digest mismatch, expected "sha256:{DIGEST}", got "sha256:{found}"'
    assert (answer.status_code, answer.json()) == (400, {"error": expected})
    assert files(models) == []
    assert client.post(PATH, content=CONTENT).status_code == 201


def test_an_empty_one(client: httpx.Client) -> None:
    assert client.post(f"/api/blobs/sha256:{hashlib.sha256().hexdigest()}").status_code == 201


def test_large_ones_are_never_in_memory_as_a_whole(client: httpx.Client) -> None:
    """Larger than what other routes take as a body."""
    part, times = b"x" * 1_000_000, 150
    digest = hashlib.sha256(part * times).hexdigest()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = client.post(f"/api/blobs/sha256:{digest}", content=(part for _ in range(times)))
    assert answer.status_code == 201
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_one_that_several_send_at_once(proxy: RunningProxy, models: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(httpx.post, proxy.url + PATH, content=CONTENT) for _ in range(8)]
    assert {answer.result().status_code for answer in sent} <= {200, 201}
    assert files(models) == [f"sha256-{DIGEST}"]
    assert (models / ".blobs" / f"sha256-{DIGEST}").read_bytes() == CONTENT


def test_a_client_that_leaves_leaves_nothing(proxy: RunningProxy, models: Path) -> None:
    begun(proxy, models).close()
    until(lambda: not files(models))
    assert proxy.client.post(PATH, content=CONTENT).status_code == 201


def test_a_client_that_is_slow_is_no_hindrance(proxy: RunningProxy, models: Path) -> None:
    with begun(proxy, models) as slow:
        assert proxy.client.post(PATH, content=CONTENT).status_code == 201
        slow.sendall(CONTENT[3000:])
        assert slow.recv(100).startswith(b"HTTP/1.1 201 ")
    assert files(models) == [f"sha256-{DIGEST}"]


def test_what_an_earlier_run_left_is_cleared_away(
    start_proxy: StartProxy, engine: FakeEngine, models: Path
) -> None:
    (models / ".new" / "folder").mkdir(parents=True)
    (models / ".new" / "folder" / "file").write_text("x")
    for name, age in (("old", 15), ("young", 13)):
        pull = models / ".pulls" / name
        pull.mkdir(parents=True)
        os.utime(pull, (0, time.time() - age * 24 * 3600))
    (models / ".blobs").mkdir()
    (models / ".blobs" / f"sha256-{DIGEST}").write_bytes(CONTENT)
    client = start_proxy(settings_for(models, engine.url)).client
    assert files(models) == []
    assert client.head(PATH).status_code == 404
    assert [path.name for path in models.glob(".pulls/*")] == ["young"]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Makes the disk a full one."""

    def fill() -> None:
        monkeypatch.setattr(writing, "_SPARE_BYTES", 1 << 60)

    yield fill
    monkeypatch.undo()


def test_a_full_disk(client: httpx.Client, models: Path, full: Callable[[], None]) -> None:
    full()
    answer = client.post(PATH, content=CONTENT)
    message = "the disk of the models' folder is too full: 0.0 GB are needed, 0.0 GB can be used"
    assert (answer.status_code, answer.json()) == (507, {"error": message})
    assert client.post(PATH, content=iter([CONTENT])).status_code == 507
    assert files(models) == []


def test_ollamas_own_client(proxy: RunningProxy, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    with Client(host=proxy.url) as client:
        assert client.create_blob(tmp_path / "file") == f"sha256:{DIGEST}"
