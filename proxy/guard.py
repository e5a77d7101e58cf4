"""Who may call: the Host header against DNS rebinding, the Origin header against foreign web pages.

A web page anywhere can make its visitor's browser send requests to this machine, and a body is read
whatever its Content-Type. So a page must be local, or served from the address that it calls."""

import ipaddress
import socket
from urllib.parse import urlsplit

from proxy.asgi import Request
from proxy.errors import ApiError
from proxy.settings import Settings

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 - a name to compare
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_APP_SCHEMES = frozenset({"app", "file", "tauri", "vscode-webview", "vscode-file"})
_EXTENSION_SCHEMES = frozenset({"chrome-extension", "moz-extension", "safari-web-extension"})


class Guard:
    """The Host header is checked on loopback, and wherever names were set."""

    def __init__(self, settings: Settings) -> None:
        own = {socket.gethostname().lower(), *(name.lower() for name in settings.hosts)}
        self._names = _LOCAL_NAMES | own
        self._checks_host = bool(settings.hosts) or _is_loopback(settings.listen.host)

    def check(self, request: Request) -> None:
        host = request.header("host")
        if self._checks_host and not self._is_known(host):
            raise ApiError(403, "this host name is not served here: see --hosts")
        origin = request.header("origin")
        if origin and not _is_local(origin) and origin.partition("://")[2] != host:
            raise ApiError(403, "requests from this web page's origin are not allowed")

    def _is_known(self, header: str) -> bool:
        """A literal address cannot be rebound to another one."""
        host = _hostname(f"//{header}")
        return (
            not host or host in self._names or host.endswith(_LOCAL_SUFFIXES) or _as_address(host) is not None
        )


def _is_local(origin: str) -> bool:
    scheme = origin.partition("://")[0].lower()
    if scheme in _APP_SCHEMES or scheme in _EXTENSION_SCHEMES:
        return True
    return scheme in ("http", "https") and _hostname(origin) in _LOCAL_NAMES


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return "?"


def _is_loopback(host: str) -> bool:
    address = _as_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
