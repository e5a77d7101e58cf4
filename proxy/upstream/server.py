"""One server behind the proxy: how it is asked, and what becomes of its failures."""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError
from proxy.upstream.answer import Answer
from proxy.upstream.connection import Connection
from proxy.upstream.detour import from_environment
from proxy.upstream.failures import Failure, GarbledError, SilentError
from proxy.upstream.pool import Place, Pool

_log = logging.getLogger("proxy.upstream")

_PORTS = {"http": 80, "https": 443}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_JSON: Mapping[str, str] = MappingProxyType({"content-type": "application/json"})
# Whatever else stood in a line of a request's head could end it, and begin another one.
_ONE_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `silence` is the longest wait for the next byte: a prompt may wait long in the engine's
    queue. `probe` is for small questions that a healthy server answers at once."""

    connect: float = 5.0
    silence: float = 600.0
    probe: float = 1.0


class Upstream:
    """`name` is what errors call the server. Its connections are kept until `close`. `trust_env` has it
    reached as the environment says, through a company's proxy perhaps: right for servers far away."""

    def __init__(self, name: str, url: str, timeouts: Timeouts, *, trust_env: bool = False) -> None:
        parts = urlsplit(url)
        host, port, tls = parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https"
        detour = from_environment(parts.scheme, host) if trust_env else None
        self._name = name
        self._timeouts = timeouts
        self._target = parts.path
        self._headers = {"host": parts.netloc, "accept": "*/*", "accept-encoding": "identity"}
        if detour is not None and not tls:
            self._target = url
            self._headers |= detour.credentials
        self._pool = Pool(Place(host, port, tls, detour), timeouts.silence)

    def close(self) -> None:
        self._pool.close()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] = _JSON) -> Answer:
        """Raises `EngineUnreadyError` where no answer comes. An answer of any status is an answer."""
        return await self._send("POST", path, {**headers, "content-length": str(len(body))}, body)

    async def get(self, path: str, headers: Mapping[str, str] = _NO_HEADERS) -> Answer:
        """As `post`. Redirects are answers too."""
        return await self._send("GET", path, headers, b"")

    async def probe(self, path: str) -> bytes | None:
        """What a small question brings back; None unless the server answers it well. Raises `TimeoutError`
        where the server keeps silent."""
        try:
            async with asyncio.timeout(self._timeouts.probe):
                with closing(await self.get(path)) as answer:
                    body = await answer.whole()
                    return body if answer.status == 200 else None
        except ApiError:
            return None

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What a pooled connection was too stale for is sent again, over a new one."""
        request = (self._head(method, path, headers), body)
        pooled = self._pool.take()
        if pooled is not None:
            try:
                return await self._ask(pooled, request)
            except Failure as failure:
                if not pooled.said_nothing or isinstance(failure, SilentError):
                    raise self._explained(failure) from None
        try:
            return await self._ask(await self._connect(), request)
        except Failure as failure:
            raise self._explained(failure) from None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._timeouts.connect):
                return await self._pool.connect()
        except TimeoutError:
            raise EngineUnreadyError(f"the {self._name} does not answer in time") from None
        except ssl.SSLError:
            raise EngineUnreadyError(
                f"the {self._name} is not trusted: its certificate cannot be verified"
            ) from None
        except OSError:
            raise EngineUnreadyError(f"the {self._name} does not answer: it may still be starting") from None

    async def _ask(self, connection: Connection, request: tuple[bytes, bytes]) -> Answer:
        try:
            await connection.ask(*request)
        except BaseException:
            connection.close()
            raise
        return Answer(self._name, connection, self._pool)

    def _explained(self, failure: Failure) -> ApiError:
        match failure:
            case SilentError():
                return EngineUnreadyError(f"the {self._name} does not answer in time")
            case GarbledError():
                return EngineBrokenError(f"the {self._name} sent something that is no HTTP answer")
        _log.warning("the %s closed the connection without an answer", self._name)
        return EngineUnreadyError(f"the {self._name} closed the connection without an answer")

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        given = self._headers | {**headers}
        fields = [f"{name}: {value}" for name, value in given.items()]
        lines = [f"{method} {self._target}{path} HTTP/1.1", *fields]
        if " " in path or not all(_ONE_LINE.fullmatch(line) for line in lines):
            raise EngineBrokenError(f"the {self._name} cannot be asked for this: it would not be one line")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
