"""The way out through a company's proxy, where the environment names one."""

import asyncio
import re
import ssl
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_PORT = 80


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
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            await self._ask_for_a_way(reader, writer, f"{host}:{port}")
            loop = asyncio.get_running_loop()
            transport = await loop.start_tls(writer.transport, protocol, tls, server_hostname=host)
        except BaseException:
            writer.transport.abort()
            raise
        if transport is None:
            raise ConnectionResetError(f"the proxy {self.host} closed the way")
        return transport

    async def _ask_for_a_way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        headers = {"host": address, **self.credentials}
        lines = [f"CONNECT {address} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            answer = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            answer = b""
        if not re.match(rb"HTTP/1\.[01] 200 ", answer):
            raise ConnectionRefusedError(f"the proxy {self.host} does not open a way")


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
