"""An answer whose headers are there."""

import asyncio
from collections.abc import Callable

from proxy.errors import EngineBrokenError
from proxy.upstream.connection import Connection
from proxy.upstream.failures import Failure, SilentError
from proxy.upstream.pool import Pool

_LARGEST_BODY = 256 * 1024 * 1024
_DRAIN_SECONDS = 0.5


class Answer:
    """It must be closed; before its end that breaks the connection off, which tells the server to stop."""

    def __init__(self, server: str, connection: Connection, pool: Pool) -> None:
        self._server = server
        self._connection = connection
        self._pool = pool
        self._is_open = True
        self.status = connection.status
        self.headers = connection.headers

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._pool.give_back(self._connection)

    async def read(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end."""
        try:
            return await self._connection.read()
        except SilentError:
            raise EngineBrokenError(f"the {self._server} stopped answering") from None
        except Failure:
            raise EngineBrokenError(f"the {self._server} closed the connection in mid-answer") from None

    async def pour(self, take: Callable[[bytes], bool]) -> None:
        """Hand over what arrives in the very turn in which it does, until `take` says no, raises, or no more
        comes. What ended it, `read` tells."""
        await self._connection.pour(take)

    async def whole(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            parts.append(data)
            size += len(data)
            if size > _LARGEST_BODY:
                raise EngineBrokenError(f"the {self._server} sent an answer that is too large")
        return b"".join(parts)

    async def drain(self) -> None:
        """Read what should be the empty rest, so that the connection can be used again."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self.read()
        except (TimeoutError, EngineBrokenError):
            return
