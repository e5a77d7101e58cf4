"""Chats and plain generations: from the client's request to the engine's stream, and back."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import msgspec

from proxy.asking import fitting, prompting
from proxy.asking.exchange import Exchange, cut_headers
from proxy.clock import now
from proxy.dialect import errors
from proxy.dialect.answers.lines import line
from proxy.dialect.answers.records import (
    CHAT,
    GENERATE,
    Counts,
    Record,
    Shape,
    StreamedAnswer,
    WholeAnswer,
    rendered,
    settled,
)
from proxy.dialect.bodies.decoding import decode
from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation
from proxy.dialect.prompts import options, templating
from proxy.dialect.prompts.to_engine import EngineRequest
from proxy.errors import ApiError
from proxy.figures.tally import Tally
from proxy.http.asgi import Reply, Request, Stream
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services

_Request = TypeVar("_Request", ChatRequest, GenerateRequest)
_Ask = TypeVar("_Ask", EngineRequest, EngineRequest | None)


@dataclass(frozen=True, slots=True)
class _Job:
    """One request on its way: what was asked, of which model, in which shape it is answered, since when."""

    request: Generation
    model: Model
    shape: Shape
    started_ns: int
    tally: Tally

    def note(self, counts: Counts) -> None:
        """Takes down what the answer took."""
        self.tally.prompt_tokens, self.tally.written_tokens = counts.prompt, counts.written
        self.tally.truncated = counts.truncated


async def chat(request: Request, services: Services) -> Reply | Stream:
    started_ns = services.clock.ticks()
    asked = decode(request.body, ChatRequest)
    model = await _found(request, services, asked.model, finding.CHAT)
    job = _Job(asked, model, CHAT, started_ns, request.tally)
    if not asked.messages and asked.keep_alive.unload:
        return await _unloaded(job, services)
    _require_thinking(job)
    _require(job, "completion", f'"{asked.model}" does not support chat')
    if asked.tools:
        _require(job, "tools", f"{model.full_name} does not support tools")
    if not asked.messages:
        return await _loaded(job, services)
    if any(message.images for message in asked.messages):
        _require(job, "vision", f"{model.full_name} does not support images")
    return await _answer(job, await _made(templating.chat, asked, model), services)


async def generate(request: Request, services: Services) -> Reply | Stream:
    started_ns = services.clock.ticks()
    asked = decode(request.body, GenerateRequest)
    model = await _found(request, services, asked.model, finding.GENERATE)
    job = _Job(asked, model, GENERATE, started_ns, request.tally)
    if not asked.prompt and asked.keep_alive.unload:
        return await _unloaded(job, services)
    if asked.raw and (asked.template or asked.system or asked.context):
        raise ApiError(400, "raw mode does not support template, system, or context")
    _require_thinking(job)
    _require(job, "completion", f'"{asked.model}" does not support generate')
    filling = await _filling(asked, model, services) if asked.suffix else None
    if not asked.prompt:
        return await _loaded(job, services)
    if asked.images:
        _require(job, "vision", f"{model.full_name} does not support images")
    ask = filling if filling and not asked.raw else await _made(templating.generate, asked, model)
    if asked.context:
        ask = await prompting.continued(services.catalog.server(model), model, asked, ask)
    return await _answer(job, ask, services)


async def _found(request: Request, services: Services, name: str, wording: finding.Wording) -> Model:
    model = await finding.find(services, name, wording)
    request.tally.model = model.name
    return model


async def _made(make: Callable[[_Request, Model, date], _Ask], asked: _Request, model: Model) -> _Ask:
    """A template may take long, and others are not to wait for it."""
    if templating.made_by(asked, model):
        return await asyncio.to_thread(make, asked, model, now().date())
    return make(asked, model, now().date())


async def _filling(asked: GenerateRequest, model: Model, services: Services) -> EngineRequest:
    by_template = await _made(templating.insert, asked, model)
    return by_template or await prompting.filled(services.catalog.server(model), model, services.gaps, asked)


def _require(job: _Job, capability: str, refusal: str) -> None:
    """Refuses what the model is known not to do; what nobody knows, the engine may judge. A model that makes
    embeddings does nothing else."""
    if job.model.can(capability) is False or job.model.role == "embedding":
        raise ApiError(400, refusal)


def _require_thinking(job: _Job) -> None:
    if job.request.think:
        _require(job, "thinking", f'"{job.request.model}" does not support thinking')


async def _loaded(job: _Job, services: Services) -> Reply:
    options.check(job.request.options)
    await services.library.load(job.model)
    return _settled(job, services, "load")


async def _unloaded(job: _Job, services: Services) -> Reply:
    await services.library.unload(job.model)
    return _settled(job, services, "unload")


def _settled(job: _Job, services: Services, reason: str) -> Reply:
    """The answer to a request without a prompt."""
    return Reply(settled(job.shape, job.request.model, reason, services.clock))


async def _answer(job: _Job, ask: EngineRequest, services: Services) -> Reply | Stream:
    services.notices.without_effect(options.without_effect(job.request.options))
    server = services.catalog.server(job.model)
    if job.request.render_only:
        ask = await fitting.fitted(server, job.model, ask, certainly=True)
        prompt = await prompting.rendered(server, job.model, ask)
        body = rendered(job.shape, job.request.model, prompt, ask.images, services.clock)
        return Reply(body, headers=cut_headers(ask))
    record = Record(job.shape, job.request.model, services.clock)
    kind = StreamedAnswer if job.request.stream else WholeAnswer
    answer = kind(record, services.clock, job.started_ns, ask)
    exchange = Exchange(server, job.model, answer, job.note)
    if job.request.stream:
        return Stream(exchange.records(ask), headers=exchange.headers, farewell=_error_record)
    async with aclosing(exchange.records(ask)) as records:
        whole = b"".join([record async for record in records]).rstrip()
    return Reply(whole, headers=exchange.headers)


def _error_record(error: ApiError) -> bytes:
    return line(msgspec.json.encode(errors.ollama(error)))
