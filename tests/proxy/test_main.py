"""`python -m proxy` as a process, and its flags."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from proxy.settings import Address, SettingError, Settings, parse
from tests.fakes.fake_engine import STREAM, FakeEngine, delta, event
from tests.fakes.fake_server import Gate, chunk
from tests.proxy.conftest import CHAT_MANIFEST, describe

ENGINE = "http://127.0.0.1:8000"


class TestFlags:
    def test_defaults(self) -> None:
        assert parse(["--engine", ENGINE], {}) == Settings(
            listen=Address("127.0.0.1", 11434),
            engine=ENGINE,
            embeddings=None,
            models=Path("/models"),
            hosts=(),
        )

    def test_the_environment_stands_in_and_a_flag_wins(self) -> None:
        environ = {
            "GFXPACK_LISTEN": "[::]:80",
            "GFXPACK_ENGINE": "http://vllm:8000/v1/",
            "GFXPACK_EMBEDDINGS": "https://embeddings/",
            "GFXPACK_MODELS": "",
            "GFXPACK_HOSTS": "gpu.example, other",
        }
        assert parse(["--models", "/elsewhere", "--listen=0.0.0.0:1"], environ) == Settings(
            listen=Address("0.0.0.0", 1),
            engine="http://vllm:8000",
            embeddings="https://embeddings",
            models=Path("/elsewhere"),
            hosts=("gpu.example", "other"),
        )
        assert parse([], environ).listen == Address("::", 80)
        assert parse([], environ).models == Path("/models")

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            ([], "--engine is missing"),
            (["--engine", "localhost:8000"], "--engine 'localhost:8000' is no server's URL"),
            (["--engine", "http://"], "--engine 'http://' is no server's URL"),
            (["--engine", "http://a:b"], "--engine 'http://a:b' is no server's URL"),
            (["--engine", "http://me:secret@a"], "--engine 'http://me:secret@a' is no server's URL"),
            (["--engine", "http://[::1"], "--engine 'http://[::1' is no server's URL"),
            (["--engine", ENGINE, "--embeddings", "ftp://x"], "--embeddings 'ftp://x' is no server's URL"),
            (["--engine", ENGINE, "--listen", "11434"], "--listen '11434' is no address"),
            (["--engine", ENGINE, "--listen", "a:99999"], "--listen 'a:99999' is no address"),
            (["--engine", ENGINE, "--listen", ":80"], "--listen ':80' is no address"),
            (["--engine", ENGINE, "--nonsense"], "unrecognized arguments: --nonsense"),
            (["--eng", ENGINE], "unrecognized arguments: --eng"),
        ],
    )
    def test_bad_ones(self, argv: list[str], message: str) -> None:
        with pytest.raises(SettingError, match=re.escape(message)):
            parse(argv, {})


@contextmanager
def process(*argv: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *argv], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def served(started: subprocess.Popen[str]) -> str:
    """The address, from the line that tells it."""
    assert started.stderr is not None
    match = re.search(r"serving on (\S+),", started.stderr.readline())
    assert match
    return match[1]


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["--engine", "nowhere"], 2, "error: --engine 'nowhere' is no server's URL"),
        (["--engine", ENGINE, "--listen", "198.51.100.1:80"], 1, "error: cannot listen on 198.51.100.1:80: "),
    ],
)
def test_a_bad_start_is_one_line(argv: list[str], status: int, message: str) -> None:
    with process(*argv) as started:
        out, err = started.communicate(timeout=10)
    assert started.returncode == status
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_a_port_in_use() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with process("--engine", ENGINE, "--listen", address) as started:
            _, err = started.communicate(timeout=10)
    assert (started.returncode, err) == (
        1,
        f"error: cannot listen on {address}: Address already in use\n",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_when_told_to(number: signal.Signals, tmp_path: Path, engine: FakeEngine) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    with process("--engine", engine.url, "--models", str(tmp_path), "--listen", "127.0.0.1:0") as started:
        url = f"http://{served(started)}"
        assert httpx.get(f"{url}/").text == "Ollama is running"
        chat = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        assert httpx.post(f"{url}/api/chat", json=chat).json()["message"]["content"] == "hi "
        started.send_signal(number)
        _, err = started.communicate(timeout=10)
        assert (started.returncode, err) == (0, "")


def test_it_stops_with_a_stream_under_way(tmp_path: Path, engine: FakeEngine) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    engine.plan([STREAM, chunk(event(delta(content="one"))), Gate()])
    with process("--engine", engine.url, "--models", str(tmp_path), "--listen", "127.0.0.1:0") as started:
        url = f"http://{served(started)}"
        chat = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}]}
        with httpx.stream("POST", f"{url}/api/chat", json=chat) as answer:
            next(answer.iter_lines())
            started.send_signal(signal.SIGTERM)
            started.communicate(timeout=10)
        assert started.returncode == 0
    assert engine.wait_for("/v1/chat/completions").gone.wait(1)
