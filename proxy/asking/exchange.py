"""One question to an engine, and what its stream brings to the client."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import msgspec

from proxy.asking import fitting
from proxy.asking.sse import Events
from proxy.dialect import errors
from proxy.dialect.answers.records import Answer, Counts
from proxy.dialect.prompts import to_engine
from proxy.dialect.prompts.constraints import blamed
from proxy.dialect.prompts.to_engine import EngineRequest
from proxy.dialect.prompts.truncation import told_context
from proxy.errors import ApiError
from proxy.http.asgi import Pieces, Write
from proxy.model import Model
from proxy.upstream import Answer as EngineAnswer
from proxy.upstream import Upstream

MESSAGES_HEADER = "x-truncated-messages"
TOKENS_HEADER = "x-truncated-tokens"


@dataclass(slots=True)
class Exchange:
    """`headers` hold what is to be said of the answer before it, once its first piece is there. `ended` is
    told what the answer took, once its last is."""

    server: Upstream
    model: Model
    answer: Answer
    ended: Callable[[Counts], None]
    headers: dict[str, str] = field(default_factory=dict)

    async def records(self, ask: EngineRequest) -> Pieces:
        """The records of the answer, as they come."""
        answer, events = self.answer, Events()
        with closing(await self._begin(ask)) as reply:
            data = b"begun"
            while data and not answer.done:
                data = await reply.read()
                # The last line of a stream need not be closed.
                records, error = _feed(answer, events.feed(data or b"\n"))
                write = (yield records) if records else None
                if error is None and write is not None and not answer.done:
                    error = await _poured(reply, _written(answer, events, write))
                if error is not None:
                    raise blamed(error, ask.body)
            last = answer.finish()
            self.ended(answer.counts)
            yield last
            await reply.drain()

    async def _begin(self, ask: EngineRequest) -> EngineAnswer:
        """The engine's answer, its stream about to begin."""
        ask = await fitting.fitted(self.server, self.model, ask)
        reply, ask = await self._ask(ask)
        self.answer.sent(ask)
        self.headers.update(cut_headers(ask))
        return reply

    async def _ask(self, ask: EngineRequest) -> tuple[EngineAnswer, EngineRequest]:
        """The answer, and the request that was not refused in the end."""
        reply = await self.server.post(ask.path, msgspec.json.encode(ask.body))
        if reply.status == 200:
            return reply, ask
        with closing(reply):
            body = await reply.whole()
        return await self._ask(await self._smaller(ask, reply.status, body))

    async def _smaller(self, ask: EngineRequest, status: int, body: bytes) -> EngineRequest:
        """What to ask in place of what was refused. Nothing is asked for the same reason twice."""
        error = _refused(status, body, self.model)
        fewer = to_engine.with_fewer_stops(ask, error)
        if fewer is not None:
            return fewer
        if error.message != errors.CONTEXT_EXCEEDED or ask.truncated or not ask.limits.truncate:
            raise error
        context = told_context(body) or self.model.context
        return await fitting.shortened(self.server, self.model, ask, context)


def cut_headers(ask: EngineRequest) -> dict[str, str]:
    """What is missing of the prompt, for the client to see before the answer."""
    missing = {MESSAGES_HEADER: ask.dropped, TOKENS_HEADER: ask.cut}
    return {name: str(count) for name, count in missing.items() if count}


async def _poured(reply: EngineAnswer, take: Callable[[bytes], bool]) -> ApiError | None:
    try:
        await reply.pour(take)
    except ApiError as error:
        return error
    return None


def _written(answer: Answer, events: Events, write: Write) -> Callable[[bytes], bool]:
    """Takes what the engine sends and writes its records; false once there is a reason to stop."""

    def take(data: bytes) -> bool:
        records, error = _feed(answer, events.feed(data))
        keeps_up = write(records)
        if error is not None:
            raise error
        return keeps_up and not answer.done

    return take


def _feed(answer: Answer, events: list[bytes]) -> tuple[bytes, ApiError | None]:
    """The records of these events, and the error that came after them. What was good before an error goes
    out, however the stream was cut on its way."""
    records: list[bytes] = []
    try:
        for event in events:
            records.append(answer.feed(event))  # noqa: PERF401 - what came before an error must stay
    except ApiError as error:
        return b"".join(records), error
    return b"".join(records), None


def _refused(status: int, body: bytes, model: Model) -> ApiError:
    """The engine may be serving another model than the one that is described on disk."""
    if status == 404:
        return ApiError(503, f"model '{model.name}' is not loaded by the engine")
    return errors.from_engine_error(status, body, model=model.full_name)
