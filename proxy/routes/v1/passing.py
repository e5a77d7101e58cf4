"""From the engine to the client and back, with as little between them as there may be."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import msgspec

from proxy.dialect import errors
from proxy.dialect.passing.refusals import refusal
from proxy.dialect.passing.renaming import renaming
from proxy.dialect.passing.usage import usage_in
from proxy.errors import ApiError, EngineBrokenError
from proxy.figures.tally import Tally
from proxy.http.asgi import Pieces, Reply, Stream, Write
from proxy.model import Model
from proxy.services import Services
from proxy.upstream import Answer

_EVENT_STREAM = "text/event-stream"
_KEPT_HEADERS = ("retry-after", "x-request-id")
_LONGEST_LINE = 32 * 1024 * 1024
# Usage stands at the end, also of a whole answer.
_LAST_BYTES = 16 * 1024
# So many of the last pieces are looked at for the mark of the end.
_LAST_PIECES = 4
# What a whole stream ends with. A dialect that is not here has no such mark.
_END_MARKS: Mapping[str, tuple[bytes, ...]] = {
    "/v1/chat/completions": (b"[DONE]",),
    "/v1/completions": (b"[DONE]",),
    "/v1/messages": (b"message_stop", b"event: error"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passes through. `name` is the model's as the client wrote it."""

    path: str
    model: Model
    name: str
    body: bytes
    tally: Tally
    content_type: str = "application/json"


class Lines:
    """Feed it whatever the socket gave; it returns the whole lines of it. What is cut waits for its rest."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        end = data.rfind(b"\n") + 1
        if end == len(data) and not self._parts:
            return data
        if not end:
            self._keep(data)
            return b""
        whole = b"".join((*self._parts, data[:end]))
        self._parts, self._size = [], 0
        self._keep(data[end:])
        return whole

    def rest(self) -> bytes:
        return b"".join(self._parts)

    def _keep(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
        self._size += len(data)
        if self._size > _LONGEST_LINE:
            raise EngineBrokenError("the engine sent an event that is too large")


async def passed_on(call: Call, services: Services) -> Reply | Stream:
    answer = await services.catalog.server(call.model).post(
        call.path, call.body, {"content-type": call.content_type}
    )
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    content_type = answer.headers.get("content-type", "application/json")
    if answer.status == 200 and content_type.startswith(_EVENT_STREAM):
        return Stream(_lines(call, answer), 200, content_type, headers, farewell=_farewell(call.path))
    with closing(answer):
        body = await answer.whole()
    if answer.status != 200:
        error = refusal(answer.status, body, call.path, call.name)
        if error is not None:
            raise ApiError(error.status, error.message, headers={**error.headers, **headers})
        return Reply(body, answer.status, content_type, headers)
    return Reply(_whole(call, body, content_type), 200, content_type, headers)


async def _lines(call: Call, answer: Answer) -> Pieces:
    rename = renaming(call.model.served, call.name)
    lines = Lines()
    last: deque[bytes] = deque(maxlen=_LAST_PIECES)

    def piece(data: bytes) -> bytes:
        if whole := lines.feed(data):
            last.append(whole)
        return rename(whole) if rename else whole

    def written(write: Write) -> Callable[[bytes], bool]:
        return lambda data: write(piece(data))

    with closing(answer):
        while data := await answer.read():
            write = (yield told) if (told := piece(data)) else None
            if write is not None:
                await answer.pour(written(write))
        if rest := lines.rest():
            last.append(rest)
            yield rename(rest) if rename else rest
    marks = _END_MARKS.get(call.path)
    tail = b"".join(last)
    _count(call.tally, tail)
    if marks and not any(mark in tail for mark in marks):
        raise EngineBrokenError("the engine closed the stream before the answer was complete")


def _whole(call: Call, body: bytes, content_type: str) -> bytes:
    if not content_type.startswith("text/plain"):
        try:
            msgspec.json.decode(body, type=msgspec.Raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise EngineBrokenError("the engine sent an answer that cannot be read") from None
    _count(call.tally, body)
    rename = renaming(call.model.served, call.name)
    return rename(body) if rename else body


def _count(tally: Tally, told: bytes) -> None:
    """Of a stream it is known only where the client asked for it."""
    usage = usage_in(told[-_LAST_BYTES:])
    if usage is not None:
        tally.prompt_tokens, tally.written_tokens = usage.prompt_tokens, usage.completion_tokens


def _farewell(path: str) -> Callable[[ApiError], bytes]:
    """The error as the last event, after a line that ends what came before."""
    shape = errors.shape_of(path)

    def event(error: ApiError) -> bytes:
        data = msgspec.json.encode(shape(error))
        if path == "/v1/responses":
            fields = {"type": "error", "code": None, "message": error.message, "param": None}
            data = msgspec.json.encode({**fields, **shape(error)})
        named = b"" if path.endswith("completions") else b"event: error\n"
        return b"\n" + named + b"data: " + data + b"\n\n"

    return event
