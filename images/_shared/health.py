"""HEALTHCHECK: exit 0 when GET of a URL answers 200. Sockets alone, because it starts every few seconds.

health.py http://127.0.0.1:8000/health
"""

import socket
import sys

TIMEOUT_SECONDS = 4


def status(url: str) -> int:
    """The HTTP status of a plain http URL with a port."""
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            line = answer.readline(128)
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/"):
        raise ValueError(f"no HTTP answer from {url}")
    return int(rest[:3])


def main(arguments: list[str]) -> str | int:
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        return "usage: health.py http://HOST:PORT/PATH"
    try:
        code = status(arguments[0])
    except (OSError, ValueError) as error:
        return f"unhealthy: {arguments[0]}: {error}"
    return 0 if code == 200 else f"unhealthy: {arguments[0]} answers {code}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
