"""How much later the first token comes, by asking in turn with and without the proxy."""

import random
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.proxy_overhead import engine
from bench.proxy_overhead.dialects import Dialect
from bench.proxy_overhead.load import Target

_END = b"0\r\n\r\n"
# Asked as often as this on average, at no moment that anything else keeps to.
_PAUSE_SECONDS = 0.005
_TOKENS = 1
# The first questions meet what has never run.
_UNCOUNTED = 20


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds until the first token, one pair for each two questions."""

    direct: Sequence[float]
    through: Sequence[float]

    def at(self, percentile: int) -> tuple[float, float]:
        direct, through = (
            statistics.quantiles(waits, n=100)[percentile - 1] for waits in (self.direct, self.through)
        )
        return direct, through

    def added(self, percentile: int) -> float:
        direct, through = self.at(percentile)
        return through - direct


def measure(direct: Target, through: Target, seconds: float) -> Waits:
    waits: tuple[list[float], list[float]] = ([], [])
    deadline = time.monotonic() + seconds
    with _connect(direct) as plain, _connect(through) as proxied:
        pair = [(plain, direct.dialect, waits[0]), (proxied, through.dialect, waits[1])]
        while time.monotonic() < deadline:
            random.shuffle(pair)
            for connection, dialect, found in pair:
                time.sleep(random.uniform(0, 2 * _PAUSE_SECONDS))  # noqa: S311 - no secret
                found.append(_wait(connection, dialect))
    return Waits(waits[0][_UNCOUNTED:], waits[1][_UNCOUNTED:])


def _connect(target: Target) -> socket.socket:
    return socket.create_connection(("127.0.0.1", target.port), timeout=30)


def _wait(connection: socket.socket, dialect: Dialect) -> float:
    request = dialect.request(0, _TOKENS)
    begun = time.perf_counter()
    connection.sendall(request)
    received = b""
    while engine.MARK not in received:
        received += _more(connection)
    first = time.perf_counter()
    while not received.endswith(_END):
        received += _more(connection)
    return first - begun


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data
