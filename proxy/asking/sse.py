"""Server-sent events, from bytes as they arrive to the data of each event."""

from proxy.errors import EngineBrokenError

_LIMIT = 32 * 1024 * 1024


class Events:
    """Feed it whatever the socket gave; it returns the data of every event that is now whole.

    Each `data:` line is one event here: engines write JSON, which never spans lines. What is
    cut in mid-line (or in mid-character) waits for its rest."""

    __slots__ = ("_partial", "_size")

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        if not self._partial and data.startswith(b"data: ") and data.find(b"\n") == len(data) - 2:
            return [data[6:-2]]
        if b"\n" not in data:
            self._keep(data)
            return []
        lines = data.split(b"\n")
        if self._partial:
            lines[0] = b"".join(self._partial) + lines[0]
        rest = lines.pop()
        self._partial, self._size = [], 0
        if rest:
            self._keep(rest)
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]

    def _keep(self, data: bytes) -> None:
        self._partial.append(data)
        self._size += len(data)
        if self._size > _LIMIT:
            raise EngineBrokenError("the engine sent an event that is too large")
