"""The connections to one server: new ones, and those that wait to be used again."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass

from proxy.upstream.connection import Connection
from proxy.upstream.detour import Detour

# What is left alone for longer may have been dropped on the way without a word.
_IDLE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens, whether it speaks TLS there, and the way to it, if not the direct one."""

    host: str
    port: int
    tls: bool
    detour: Detour | None = None


class Pool:
    def __init__(self, place: Place, silence: float) -> None:
        self._place = place
        self._silence = silence
        self._tls = ssl.create_default_context() if place.tls else None
        self._idle: deque[Connection] = deque()

    async def connect(self) -> Connection:
        """Raises `OSError`."""
        place, connection = self._place, Connection(self._silence)
        loop = asyncio.get_running_loop()
        if place.detour is None:
            await loop.create_connection(lambda: connection, place.host, place.port, ssl=self._tls)
        elif self._tls is None:
            await loop.create_connection(lambda: connection, place.detour.host, place.detour.port)
        else:
            tunnel = await place.detour.tunnel(place.host, place.port, self._tls, connection)
            connection.connection_made(tunnel)
        return connection

    def take(self) -> Connection | None:
        """The one that was used last is the least likely to be stale."""
        self._drop_old()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
        return None

    def give_back(self, connection: Connection) -> None:
        """What cannot be used again is closed."""
        if not connection.is_reusable:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        self._drop_old()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _drop_old(self) -> None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().close()
