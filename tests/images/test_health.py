"""The health check that every image has, against real sockets."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from builder.paths import IMAGES

HEALTH = IMAGES / "_shared/health.py"
Answering = Callable[[bytes], str]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A server that gives one connection these bytes and hangs up; its URL."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threads.append(threading.Thread(target=once))
        threads[-1].start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/health"

    yield serve
    for thread in threads:
        thread.join(10)
    for server in servers:
        server.close()


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As the image calls it: without site-packages and without the environment's say."""
    argv = [sys.executable, "-I", "-S", str(HEALTH), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"]
)
def test_200_is_healthy(answering: Answering, answer: bytes) -> None:
    assert check(answering(answer)).returncode == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "answers 503"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "answers 204"),
        (b"", "no HTTP answer"),
        (b"SSH-2.0-x\r\n", "no HTTP answer"),
        (b"HTTP/1.1 abc\r\n\r\n", "invalid literal"),
    ],
)
def test_anything_else_is_not(answering: Answering, answer: bytes, said: str) -> None:
    done = check(answering(answer))
    assert done.returncode == 1
    assert done.stderr.startswith("unhealthy: http://127.0.0.1:")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_nobody_there_is_not_healthy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = check(f"http://127.0.0.1:{taken.getsockname()[1]}/health")
    assert done.returncode == 1
    assert "refused" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("https://127.0.0.1:1/",), ("http://127.0.0.1:1/", "more")])
def test_usage(arguments: tuple[str, ...]) -> None:
    done = check(*arguments)
    assert done.returncode == 1
    assert done.stderr == "usage: health.py http://HOST:PORT/PATH\n"
