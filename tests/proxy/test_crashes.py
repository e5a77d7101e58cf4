"""Folders that cannot be written to, and servers that are killed while they write."""

import fcntl
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.fakes.fake_engine import FakeEngine
from tests.fakes.fake_hub import FakeHub, Faults, serve
from tests.proxy.asking import Json, records
from tests.proxy.conftest import StartProxy, settings_for
from tests.proxy.waiting import until
from tests.proxy.weights import publish

BASE = "smollm2:135m"
MODEL = "acme/Tiny-1B"
DIGEST = "0" * 64
# Nobody makes files there, the superuser included.
NOBODYS = Path("/sys/kernel")
WRITES: list[tuple[str, str, Json]] = [
    ("POST", "/api/copy", {"source": BASE, "destination": "mine"}),
    ("POST", "/api/create", {"model": "mine", "from": BASE, "system": "s", "stream": False}),
    ("POST", "/api/pull", {"model": MODEL, "stream": False}),
    ("POST", f"/api/blobs/sha256:{DIGEST}", {}),
]


@pytest.mark.parametrize("kind", ["read-only", "in a file"])
def test_a_folder_that_cannot_be_written(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("x")
    models = NOBODYS if kind == "read-only" else tmp_path / "file" / "models"
    client = start_proxy(settings_for(models, engine.url)).client
    for method, path, body in WRITES:
        answer = client.request(method, path, json=body)
        assert answer.status_code == 403
        assert answer.json()["error"].startswith("the models' folder cannot be written to: ")
    assert [model["name"] for model in client.get("/api/tags").json()["models"]] == [BASE]


def test_one_server_writes_at_a_time(start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path) -> None:
    first, second = (start_proxy(settings_for(tmp_path, engine.url)).client for _ in range(2))
    copy = {"source": BASE, "destination": "mine"}
    assert first.post("/api/copy", json=copy).status_code == 200
    refused = second.post("/api/copy", json=copy)
    message = "another server writes to this models' folder: see --library"
    assert (refused.status_code, refused.json()) == (409, {"error": message})
    assert "mine:latest" in {model["name"] for model in second.get("/api/tags").json()["models"]}


@pytest.mark.parametrize("held", [True, False])
def test_leftovers_that_must_stay_keep_nobody_from_serving(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path, *, held: bool
) -> None:
    (tmp_path / ".new" / "half").mkdir(parents=True)
    (tmp_path / ".pulls").mkdir()
    (tmp_path / ".pulls" / "gone").symlink_to(tmp_path / "nothing")
    with (tmp_path / ".lock").open("w") as lock:
        if held:
            fcntl.flock(lock, fcntl.LOCK_EX)
        proxy = start_proxy(settings_for(tmp_path, engine.url))
        assert proxy.client.get("/api/tags").status_code == 200
        assert (tmp_path / ".new" / "half").exists() == held


def test_what_is_made_may_lie_elsewhere_than_what_is_read(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path
) -> None:
    settings = settings_for(NOBODYS, engine.url, library=tmp_path / "library")
    client = start_proxy(settings).client
    assert client.post("/api/copy", json={"source": BASE, "destination": "mine"}).status_code == 200
    assert list((tmp_path / "library").glob("made-*"))


@contextmanager
def server(engine: FakeEngine, models: Path, hub: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A proxy as a process, which may be killed, and its address."""
    argv = ["--engine", engine.url, "--models", str(models), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *argv, *(["--hub", hub] if hub else [])],
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stderr is not None
        try:
            line = next(line for line in started.stderr if "serving on" in line)
            yield started, "http://" + line.partition("serving on ")[2].split(",")[0].strip()
        finally:
            started.kill()


def kill(started: "subprocess.Popen[str]") -> None:
    started.send_signal(signal.SIGKILL)
    started.wait()


def kill_halfway(started: "subprocess.Popen[str]", url: str) -> None:
    pull = httpx.stream("POST", f"{url}/api/pull", json={"model": MODEL})
    with suppress(httpx.HTTPError), pull as answer:
        for record in map(json.loads, answer.iter_lines()):
            if record.get("total", 0) > record.get("completed", 0) > 100_000:
                kill(started)


def test_killed_in_the_middle_of_a_pull(engine: FakeEngine, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with serve(FakeHub(MODEL, publish(tmp_path / "hub")), "127.0.0.1") as hub:
        gate = threading.Event()
        hub.faults = Faults(gate=gate)
        with server(engine, models, hub.url) as (started, url):
            kill_halfway(started, url)
        gate.set()
        assert not list(models.glob("*/gfxpack.json"))
        hub.faults = Faults()
        hub.requests.clear()
        with server(engine, models, hub.url) as (_, url):
            assert MODEL + ":latest" not in httpx.get(f"{url}/api/tags").text
            assert records(httpx.post(f"{url}/api/pull", json={"model": MODEL}))[-1] == {"status": "success"}
            assert MODEL + ":latest" in httpx.get(f"{url}/api/tags").text
        assert not [request for request in hub.requests if request.endswith("LICENSE")]
        assert [request for request in hub.requests if "model.safetensors bytes=" in request]


@pytest.mark.parametrize("delay", [1, 7])
def test_killed_while_models_are_made(engine: FakeEngine, tmp_path: Path, delay: int) -> None:
    """At whichever step it is then: each model is whole or not there, and nothing is left over."""
    system = "You are Mario. " * 10_000
    body = {"from": BASE, "system": system, "stream": False}
    made: list[str] = []
    with server(engine, tmp_path) as (started, url):

        def make() -> None:
            with suppress(httpx.HTTPError), httpx.Client(base_url=url) as client:
                while client.post("/api/create", json={"model": f"m{len(made)}", **body}).status_code == 200:
                    made.append(f"m{len(made)}:latest")
                    client.request("DELETE", "/api/delete", json={"model": f"m{len(made) - 3}"})

        maker = threading.Thread(target=make)
        maker.start()
        until(lambda: len(made) >= delay)
        kill(started)
        maker.join()
    (tmp_path / ".new").mkdir(exist_ok=True)
    (tmp_path / ".new" / "half").write_text("{")
    with server(engine, tmp_path) as (_, url):
        there = [model["name"] for model in httpx.get(f"{url}/api/tags").json()["models"]]
        assert set(made[-2:]) <= set(there)
        for name in set(there) - {BASE}:
            assert httpx.post(f"{url}/api/show", json={"model": name}).json()["system"] == system
        assert not (tmp_path / ".new").exists()
        assert records(httpx.post(f"{url}/api/create", json={"model": "m0", **body}))[-1] == {
            "status": "success"
        }
