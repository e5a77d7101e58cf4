"""Requests to a hub: redirects are followed, and the token goes to the hub alone."""

import re
from collections.abc import Mapping
from urllib.parse import urldefrag, urljoin, urlsplit

from proxy.errors import ApiError, EngineUnreadyError
from proxy.upstream import Answer, Timeouts, Upstream

_TIMEOUTS = Timeouts(connect=10.0, silence=60.0, probe=10.0)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_PLAIN = re.compile(r"https?://[A-Za-z0-9_.:\[\]-]+([/?][\x21-\x7e]*)?")


class HubSilentError(ApiError):
    """No answer comes; it may come later."""

    def __init__(self, url: str, reason: str) -> None:
        way = "give this server a way out to it, or another hub by --hub"
        super().__init__(503, f"the hub at {url} cannot be reached from here: {way} ({reason})")


class Web:
    """`url` is the hub's. Other hosts are those that it sends its visitors to for large files."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._origin = _origin(url)
        self._authorization = {"authorization": f"Bearer {token}"} if token else {}
        self._servers: dict[str, Upstream] = {}

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """`path` may be a whole address, too. Raises `ApiError` where no answer comes; one of any status is
        an answer, but for redirects."""
        address = _followed(self.url, path if "://" in path else self.url + path)
        for _ in range(_MOST_REDIRECTS):
            answer = await self._get(address, headers or {})
            if answer.status not in _REDIRECTS:
                return answer
            answer.close()
            address = _followed(address, answer.headers.get("location", ""))
        raise ApiError(502, f"the hub at {self.url} sends from one address to the next without end")

    async def _get(self, address: str, headers: Mapping[str, str]) -> Answer:
        origin = _origin(address)
        own = self._authorization if origin == self._origin else {}
        try:
            return await self._server(origin).get(address[len(origin) :] or "/", {**headers, **own})
        except EngineUnreadyError as error:
            raise HubSilentError(self.url, error.message) from None

    def _server(self, origin: str) -> Upstream:
        if origin not in self._servers:
            self._servers[origin] = Upstream("hub", origin, _TIMEOUTS, trust_env=True)
        return self._servers[origin]


def _followed(address: str, location: str) -> str:
    """Where a link or a redirect leads. Nothing in it may end the line of a request."""
    try:
        found = urldefrag(urljoin(address, location)).url
        plain = bool(_PLAIN.fullmatch(found)) and urlsplit(found).port != 0
    except ValueError:
        plain = False
    if not plain:
        raise ApiError(502, "the hub sends to an address that is none")
    return found


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
