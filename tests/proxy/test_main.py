"""`python -m proxy` as a process, and its flags."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO, cast

import httpx
import ollama
import pytest

from proxy.entrance.keys import read_keys
from proxy.settings import Address, SettingError, Settings, parse
from tests.fakes.fake_engine import STREAM, FakeEngine, delta, event
from tests.fakes.fake_server import Gate, chunk
from tests.proxy.conftest import CHAT_MANIFEST, NOBODY, describe, raw_post

ENGINE = "http://127.0.0.1:8000"


class TestFlags:
    def test_defaults(self) -> None:
        """The engine is where vLLM serves by itself, and it may start later."""
        assert parse([], {}) == Settings(
            listen=Address("127.0.0.1", 11434),
            engine="http://127.0.0.1:8000",
            embeddings=None,
            models=Path.home() / ".local/share/gfxpack/models",
            max_queue=512,
        )

    def test_the_environment_stands_in_and_a_flag_wins(self) -> None:
        environ = {
            "GFXPACK_LISTEN": "[::]:80",
            "GFXPACK_ENGINE": "http://vllm:8000/v1/",
            "GFXPACK_EMBEDDINGS": "https://embeddings/",
            "GFXPACK_MODELS": "",
            "GFXPACK_HOSTS": "gpu.example, other",
            "GFXPACK_ORIGINS": "https://a.example,https://*.b.example",
            "GFXPACK_API_KEYS": "me:abc, def",
            "GFXPACK_KEY_LIMIT": "3",
            "GFXPACK_MAX_QUEUE": "4",
            "GFXPACK_LIBRARY": "/kept",
            "GFXPACK_ON_GPU": "chat embedding",
            "HF_ENDPOINT": "https://hub.example/mirror/",
            "HF_TOKEN": "hf_s3cret\n",
            "OLLAMA_MAX_QUEUE": "5",
            "OLLAMA_HOST": "nobody.reads.this",
        }
        assert parse(["--models", "/elsewhere", "--listen=0.0.0.0:1"], environ) == Settings(
            listen=Address("0.0.0.0", 1),
            engine="http://vllm:8000",
            embeddings="https://embeddings",
            models=Path("/elsewhere"),
            hosts=("gpu.example", "other"),
            origins=("https://a.example", "https://*.b.example"),
            keys=read_keys("me:abc\n def"),
            key_limit=3,
            max_queue=4,
            library=Path("/kept"),
            on_gpu=("chat", "embedding"),
            hub="https://hub.example/mirror",
            hub_token="hf_s3cret",
        )
        assert parse([], environ).listen == Address("::", 80)
        assert parse([], environ).models == parse([], {}).models

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
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
            (["--origins", "chat.example"], "--origins 'chat.example' is no origin"),
            (["--origins", "https://*.a.*"], "--origins 'https://*.a.*' is no origin"),
            (["--origins", "https://a.example/"], "--origins 'https://a.example/' is no origin"),
            (["--max-queue", "0"], "--max-queue '0' is no number from 1 on"),
            (["--max-queue", "many"], "--max-queue 'many' is no number from 1 on"),
            (["--key-limit", "-1"], "--key-limit '-1' is no number from 0 on"),
            (["--keys", "/nowhere/keys"], "--keys '/nowhere/keys' cannot be read: No such file or directory"),
            (["--keys", "/"], "--keys '/' cannot be read: Is a directory"),
            (["--on-gpu", "chat,audio"], "--on-gpu 'audio' is no server: name `chat`, `embedding` or both"),
            (["--hub", "hub.example"], "--hub 'hub.example' is no server's URL"),
            (["--keys", os.devnull], f"--keys '{os.devnull}': there is no key in it"),
        ],
    )
    def test_bad_ones(self, argv: list[str], message: str) -> None:
        with pytest.raises(SettingError, match=re.escape(message)):
            parse(argv, {})

    def test_the_hubs_token_is_a_secret(self, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text("hf_s3cret\n")
        found = parse([], {"HF_TOKEN_PATH": str(file)})
        assert found.hub_token == "hf_s3cret"
        assert "s3cret" not in repr(found)
        for environ in ({"HF_TOKEN": "s3cret\nand more"}, {"HF_TOKEN_PATH": "/nowhere/at/all"}):
            with pytest.raises(SettingError, match=r"^HF_TOKEN") as caught:
                parse([], environ)
            assert "s3cret" not in str(caught.value)

    def test_keys_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "keys"
        file.write_text("# ours\nalice:s3cret\n")
        assert parse(["--keys", str(file)], {"GFXPACK_API_KEYS": "other"}).keys == read_keys(
            "#\nalice:s3cret"
        )
        assert parse([], {"GFXPACK_API_KEYS_FILE": str(file)}).keys[0].name == "alice"
        assert "s3cret" not in repr(parse(["--keys", str(file)], {}))
        file.write_bytes(b"\xff\xfe s3cret")
        with pytest.raises(SettingError, match=r"^--keys '.*' is no text$"):
            parse(["--keys", str(file)], {})

    def test_a_key_at_fault_is_not_told(self) -> None:
        with pytest.raises(SettingError) as caught:
            parse([], {"GFXPACK_API_KEYS": "a s3cret"})
        assert str(caught.value) == "GFXPACK_API_KEYS: line 1 is neither KEY nor NAME:KEY"


class TestOllamasVariables:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("0.0.0.0", "0.0.0.0:11434"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
            (":8080", "0.0.0.0:8080"),
            ("example.com", "example.com:11434"),
            ("http://1.2.3.4", "1.2.3.4:80"),
            ("https://1.2.3.4/", "1.2.3.4:443"),
            ("http://1.2.3.4:5/path", "1.2.3.4:5"),
            ("::1", "[::1]:11434"),
            ("[::1]", "[::1]:11434"),
            ("[::1]:5", "[::1]:5"),
            (" '127.0.0.1:5' ", "127.0.0.1:5"),
            ("http://", "127.0.0.1:80"),
            ("", "127.0.0.1:11434"),
        ],
    )
    def test_where_to_serve(self, text: str, address: str) -> None:
        assert str(parse([], {"OLLAMA_HOST": text}).listen) == address

    @pytest.mark.parametrize("text", ["1.2.3.4:x", "1.2.3.4:99999"])
    def test_no_place_to_serve(self, text: str) -> None:
        with pytest.raises(SettingError, match=f"'{text}' is no address"):
            parse([], {"OLLAMA_HOST": text})

    def test_what_else_is_the_same_here(self) -> None:
        environ = {
            "OLLAMA_ORIGINS": '"https://a.example,chrome-extension://*"',
            "OLLAMA_MODELS": "/srv/models",
            "OLLAMA_MAX_QUEUE": "7",
        }
        settings = parse([], environ)
        assert settings.origins == ("https://a.example", "chrome-extension://*")
        assert (settings.models, settings.max_queue, settings.unused) == (Path("/srv/models"), 7, ())

    def test_what_has_no_meaning_here_is_named(self) -> None:
        environ = {
            "OLLAMA_NUM_PARALLEL": "4",
            "OLLAMA_KEEP_ALIVE": "1h",
            "OLLAMA_DEBUG": "",
            "OLLAMA_API_KEY": "x",
        }
        assert parse([], environ).unused == ("OLLAMA_KEEP_ALIVE", "OLLAMA_NUM_PARALLEL")


@contextmanager
def process(*argv: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", *argv],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def lines_of(started: subprocess.Popen[str]) -> TextIO:
    assert started.stderr is not None
    return cast("TextIO", started.stderr)


def served(started: subprocess.Popen[str]) -> str:
    """The address, from the line that tells it."""
    match = re.search(r"serving on (\S+),", lines_of(started).readline())
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


def test_alone_it_answers_all_that_needs_no_engine(tmp_path: Path) -> None:
    environ = {"OLLAMA_HOST": "http://127.0.0.1:0", "OLLAMA_KEEP_ALIVE": "1h", "HOME": str(tmp_path)}
    with process("--engine", NOBODY, **environ) as started:
        with ollama.Client(host=f"http://{served(started)}") as client:
            assert client.list().models == []
            assert client.ps().models == []
            with pytest.raises(ollama.ResponseError) as caught:
                client.chat("smollm2:135m", [{"role": "user", "content": "hi"}])
        assert caught.value.status_code == 503
        assert lines_of(started).readline() == "INFO proxy: not used here: OLLAMA_KEEP_ALIVE\n"
        started.send_signal(signal.SIGINT)
        assert started.wait(10) == 0


def test_whoever_asks_twice_sees_no_more_of_it(tmp_path: Path, engine: FakeEngine) -> None:
    describe(tmp_path, CHAT_MANIFEST)
    gate = Gate()
    engine.plan([STREAM, gate])
    with process("--engine", engine.url, "--models", str(tmp_path), "--listen", "127.0.0.1:0") as started:
        port = int(served(started).rpartition(":")[2])
        chat = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}]}
        with closing(raw_post(port, "/api/chat", chat)):
            gate.wait_until_reached()
            started.send_signal(signal.SIGINT)
            started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=10)
        assert (started.returncode, err) == (0, "")


def test_whoever_lets_everyone_in_is_told(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("s3cret-key")
    everywhere = ("--listen", "0.0.0.0:0", "--models", str(tmp_path))
    with process(*everywhere) as started:
        address = served(started)
        assert (
            lines_of(started).readline()
            == f"WARNING proxy: anyone who reaches {address} may call: see --keys\n"
        )
    with process(*everywhere, "--keys", str(keys)) as started:
        url = f"http://127.0.0.1:{served(started).rpartition(':')[2]}"
        assert httpx.get(f"{url}/api/tags").status_code == 401
        assert httpx.get(f"{url}/api/tags", headers={"x-api-key": "s3cret-key"}).status_code == 200
        started.send_signal(signal.SIGTERM)
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
