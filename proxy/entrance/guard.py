"""Which web pages may call, by the Host header against DNS rebinding and by the Origin header, and what their
browsers are told (CORS).

A web page anywhere can make its visitor's browser send requests to this machine, and a body is read
whatever its Content-Type. So a page must be local, or served from the address that it calls, or allowed
by name."""

import ipaddress
import socket
from urllib.parse import urlsplit

from proxy.errors import ApiError
from proxy.http.asgi import Message, Reply, Request, Send, text_reply
from proxy.settings import Settings

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 - a name to compare
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_APP_SCHEMES = frozenset({"app", "file", "tauri", "vscode-webview", "vscode-file"})
_EXTENSION_SCHEMES = frozenset(
    {
        "chrome-extension",
        "moz-extension",
        "ms-browser-extension",
        "safari-extension",
        "safari-web-extension",
    }
)

_METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
# For a browser that does not say which it wants to send.
_HEADERS = "Authorization, Content-Type, Accept, X-Requested-With, X-Api-Key"
_PREFLIGHT_SECONDS = 12 * 60 * 60


class Guard:
    """The Host header is checked on loopback, and wherever names were set."""

    def __init__(self, settings: Settings) -> None:
        own = {socket.gethostname().lower(), *(name.lower() for name in settings.hosts)}
        self._names = _LOCAL_NAMES | own
        self._checks_host = bool(settings.hosts) or settings.listen.is_loopback
        self._anywhere = "*" in settings.origins
        # What stands before and after the wildcard, or the whole.
        self._origins = [origin.lower().partition("*") for origin in settings.origins]

    def check(self, request: Request) -> None:
        if self._checks_host and not self._is_known(request.header("host")):
            raise ApiError(403, "this host name is not served here: see --hosts")
        origin = _foreign(request)
        if origin and not self._allows(origin):
            raise ApiError(403, "requests from this web page's origin are not allowed: see --origins")

    def preflight(self, request: Request) -> Reply | None:
        """The answer to a browser that asks first, before it sends what its page wants."""
        if request.method != "OPTIONS" or not _foreign(request):
            return None
        headers = {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": request.header("access-control-request-headers") or _HEADERS,
            "access-control-max-age": str(_PREFLIGHT_SECONDS),
        }
        return text_reply("", 204, headers)

    def telling(self, request: Request, send: Send) -> Send:
        """Lets a page read its answer, errors as well."""
        origin = _foreign(request)
        if not origin or not self._allows(origin):
            return send
        allowed = b"*" if self._anywhere else origin.encode("latin-1")
        headers = [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", b"*"),
            *([] if self._anywhere else [(b"vary", b"Origin")]),
        ]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        return told

    def _allows(self, origin: str) -> bool:
        lowered = origin.lower()
        return (
            self._anywhere
            or _is_local(lowered)
            or any(
                lowered.startswith(start) and lowered.endswith(end) and len(lowered) >= len(start) + len(end)
                if wildcard
                else lowered == start
                for start, wildcard, end in self._origins
            )
        )

    def _is_known(self, header: str) -> bool:
        """A literal address cannot be rebound to another one."""
        host = _hostname(f"//{header}")
        return (
            not host or host in self._names or host.endswith(_LOCAL_SUFFIXES) or _as_address(host) is not None
        )


def _foreign(request: Request) -> str:
    """The origin of a page that was not served from the address that it calls."""
    origin = request.header("origin")
    host = request.header("host")
    return "" if origin in (f"http://{host}", f"https://{host}") else origin


def _is_local(origin: str) -> bool:
    scheme = origin.partition("://")[0]
    if scheme in _APP_SCHEMES or scheme in _EXTENSION_SCHEMES:
        return True
    return scheme in ("http", "https") and _hostname(origin) in _LOCAL_NAMES


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return "?"


def _as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
