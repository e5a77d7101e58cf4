"""Chats and plain generations: from the client's request to the engine's stream, and back."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from dataclasses import dataclass

import msgspec

from proxy.asgi import Reply, Request, Stream
from proxy.dialect import errors, to_engine
from proxy.dialect.answers import (
    CHAT,
    GENERATE,
    Answer,
    Record,
    Shape,
    StreamedAnswer,
    WholeAnswer,
    settled,
)
from proxy.dialect.decoding import decode
from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation
from proxy.dialect.options import without_effect
from proxy.dialect.to_engine import EngineRequest
from proxy.errors import ApiError, EngineUnreadyError
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services
from proxy.sse import Events
from proxy.upstream import Answer as EngineAnswer
from proxy.upstream import Upstream


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way: what was asked, of which model, in which shape it is answered, since when."""

    request: Generation
    model: Model
    shape: Shape
    started_ns: int


async def chat(request: Request, services: Services) -> Reply | Stream:
    started_ns = services.clock.ticks()
    asked = decode(request.body, ChatRequest)
    job = _Job(asked, await finding.find(services, asked.model, finding.CHAT), CHAT, started_ns)
    if not asked.messages:
        return _settle(job, services)
    _require(job, "completion", f'"{asked.model}" does not support chat')
    _require_thinking(job)
    if asked.tools:
        _require(job, "tools", f"{job.model.full_name} does not support tools")
    if any(message.images for message in asked.messages):
        _require(job, "vision", f"{job.model.full_name} does not support images")
    return await _answer(job, to_engine.chat(asked, job.model), services)


async def generate(request: Request, services: Services) -> Reply | Stream:
    started_ns = services.clock.ticks()
    asked = decode(request.body, GenerateRequest)
    model = await finding.find(services, asked.model, finding.GENERATE)
    job = _Job(asked, model, GENERATE, started_ns)
    if not asked.prompt and asked.keep_alive.unload:
        return _settle(job, services)
    if asked.raw and (asked.template or asked.system or asked.context):
        raise ApiError(400, "raw mode does not support template, system, or context")
    if not asked.prompt:
        return _settle(job, services)
    _require(job, "completion", f'"{asked.model}" does not support generate')
    _require_thinking(job)
    if asked.suffix:
        raise ApiError(400, f"{job.model.full_name} does not support insert")
    if asked.images:
        _require(job, "vision", f"{job.model.full_name} does not support images")
    return await _answer(job, to_engine.generate(asked, job.model), services)


def _require(job: _Job, capability: str, refusal: str) -> None:
    """Refuses what the model is known not to do; what nobody knows, the engine may judge."""
    known = job.model.can(capability)
    embeds_only = capability == "completion" and job.model.role == "embedding"
    if known is False or embeds_only:
        raise ApiError(400, refusal)


def _require_thinking(job: _Job) -> None:
    if job.request.think:
        _require(job, "thinking", f'"{job.request.model}" does not support thinking')


def _settle(job: _Job, services: Services) -> Reply:
    """A request without a prompt loads or unloads the model. It is true to say so only of a model that
    the engine serves; to unload what it serves is left to the engine's keeper."""
    unload = job.request.keep_alive.unload
    if not unload and not services.catalog.is_loaded(job.model):
        raise EngineUnreadyError(f"model '{job.model.name}' is not loaded: the engine may still be starting")
    reason = "unload" if unload else "load"
    return Reply(settled(job.shape, job.request.model, reason, services.clock))


async def _answer(job: _Job, ask: EngineRequest, services: Services) -> Reply | Stream:
    services.notices.without_effect(without_effect(job.request.options))
    record = Record(job.shape, job.request.model, services.clock)
    kind = StreamedAnswer if job.request.stream else WholeAnswer
    answer = kind(record, services.clock, job.started_ns, ask)
    pieces = _exchange(services.catalog.server(job.model), ask, job.model, answer)
    if job.request.stream:
        return Stream(pieces, farewell=_error_record)
    async with aclosing(pieces):
        return Reply(b"".join([piece async for piece in pieces]).rstrip())


async def _exchange(
    server: Upstream, ask: EngineRequest, model: Model, answer: Answer
) -> AsyncGenerator[bytes, None]:
    """What one question to the engine brings to the client, as it comes."""
    events = Events()
    with closing(await _ask(server, ask, model)) as reply:
        data = b"begun"
        while data and not answer.done:
            data = await reply.read()
            # The last line of a stream need not be closed.
            records, error = _feed(answer, events.feed(data or b"\n"))
            if records:
                yield records
            if error is not None:
                raise error
        yield answer.finish()
        await reply.drain()


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


async def _ask(server: Upstream, ask: EngineRequest, model: Model) -> EngineAnswer:
    """The engine's answer, its stream about to begin."""
    reply = await server.post(ask.path, msgspec.json.encode(ask.body))
    if reply.status == 200:
        return reply
    with closing(reply):
        error = _refused(reply.status, await reply.whole(), model)
    fewer = to_engine.with_fewer_stops(ask, error)
    if fewer is None:
        raise error
    return await _ask(server, fewer, model)


def _refused(status: int, body: bytes, model: Model) -> ApiError:
    """The engine may be serving another model than the one that is described on disk."""
    if status == 404:
        return ApiError(503, f"model '{model.name}' is not loaded by the engine")
    return errors.from_engine_error(status, body, model=model.full_name)


def _error_record(error: ApiError) -> bytes:
    return msgspec.json.encode(errors.ollama(error)) + b"\n"
