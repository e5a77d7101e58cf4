"""The way out through a company's proxy, where the environment names one."""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_PORT = 80
_LARGEST_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Detour:
    """`credentials` is the header that the proxy may want, with its value."""

    host: str
    port: int
    credentials: dict[str, str]

    async def tunnel(
        self, host: str, port: int, tls: ssl.SSLContext, protocol: asyncio.Protocol
    ) -> asyncio.Transport:
        """A transport that speaks TLS with the far end. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        transport, asking = await loop.create_connection(_Asking, self.host, self.port)
        try:
            await asking.ask(f"{host}:{port}", self.credentials)
            secured = await loop.start_tls(transport, protocol, tls, server_hostname=host)
        except BaseException:
            transport.abort()
            raise
        if secured is None:
            raise ConnectionResetError(f"the proxy {self.host} closed the way")
        return secured


class _Asking(asyncio.Protocol):
    """Asks a proxy for a way, and waits for the head of its answer."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._received = b""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def ask(self, address: str, credentials: Mapping[str, str]) -> None:
        headers = {"host": address, **credentials}
        lines = [f"CONNECT {address} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if not re.match(rb"HTTP/1\.[01] 200 ", await self._answer):
            raise ConnectionRefusedError("the proxy does not open a way")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received or len(self._received) > _LARGEST_HEAD:
            self._end()

    def connection_lost(self, _error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self._answer.done():
            self._answer.set_result(self._received)


def from_environment(scheme: str, host: str) -> Detour | None:
    proxies = getproxies()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass(host):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    credentials = {}
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials["proxy-authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
    return Detour(parts.hostname or "", parts.port or _PORT, credentials)
