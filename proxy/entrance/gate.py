"""How many requests may be on their way to engines at once, in all and for one key, and how much of requests
may be in memory."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proxy.dialect.errors import BUSY
from proxy.errors import RETRY_AFTER_SECONDS, ApiError

_RETRY = {"retry-after": str(RETRY_AFTER_SECONDS)}


class Gate:
    """Engines batch what comes at once; the bound is there so that a flood is refused and not swallowed.
    `per_key` is 0 where one key may have as many as all together."""

    def __init__(self, limit: int, per_key: int) -> None:
        self._limit = limit
        self._per_key = per_key
        self._all = 0
        self._by_key: Counter[str] = Counter()

    @contextmanager
    def passing(self, caller: str) -> Iterator[None]:
        if self._all >= self._limit:
            raise ApiError(503, BUSY, headers=_RETRY)
        if caller and self._per_key and self._by_key[caller] >= self._per_key:
            raise ApiError(
                429, f"this key has {self._per_key} requests under way, which is its limit", headers=_RETRY
            )
        self._all += 1
        self._by_key[caller] += 1
        try:
            yield
        finally:
            self._all -= 1
            self._by_key[caller] -= 1


class Room:
    """For the bodies of all requests that are being read or answered: so many bytes in all."""

    def __init__(self, size: int) -> None:
        self._free = size

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """What it gives takes so many more bytes, which are given back at the end."""
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if size > self._free:
                raise ApiError(503, BUSY, headers={**_RETRY, "connection": "close"})
            self._free -= size
            held += size

        try:
            yield take
        finally:
            self._free += held
