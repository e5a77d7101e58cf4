"""Ranking documents by how well they answer a question, which Ollama itself does not do."""

from contextlib import closing

from proxy.asking.batching import in_order
from proxy.dialect.bodies.decoding import decode
from proxy.dialect.passing.refusals import refusal
from proxy.dialect.rerank import (
    RerankRequest,
    Scores,
    batches,
    documents_of,
    is_unable,
    question,
    ranked,
    read_scores,
)
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, json_reply
from proxy.model import Model
from proxy.routes import finding
from proxy.routes.v1.bodies import body_of
from proxy.services import Services

_PATH = "/v1/rerank"


async def ollama(request: Request, services: Services) -> Reply:
    clock = services.clock
    started_ns = clock.ticks()
    asked, documents, scores = await _scored(request, services)
    answer = {
        "model": asked.model,
        "results": ranked(asked, documents, scores, nested=False),
        "total_duration": max(1, clock.ticks() - started_ns),
    }
    return json_reply(answer | ({"prompt_eval_count": scores.tokens} if scores.tokens else {}))


async def jina(request: Request, services: Services) -> Reply:
    """Cohere's clients read the same."""
    asked, documents, scores = await _scored(request, services)
    usage = {"prompt_tokens": scores.tokens, "total_tokens": scores.tokens}
    results = ranked(asked, documents, scores, nested=True)
    return json_reply({"model": asked.model, "object": "list", "usage": usage, "results": results})


async def _scored(request: Request, services: Services) -> tuple[RerankRequest, list[str], Scores]:
    asked = decode(body_of(request), RerankRequest)
    finding.require_name(asked.model, finding.CHAT)
    documents = documents_of(asked)
    model = await finding.find(services, asked.model, finding.CHAT)
    request.tally.model = model.name
    if model.role != "embedding":
        raise _unable(asked.model)

    async def ask(part: list[str]) -> Scores:
        return await _ask(services, model, asked, part)

    parts = await in_order(ask, batches(documents))
    scores = Scores([value for part in parts for value in part.values], sum(part.tokens for part in parts))
    request.tally.prompt_tokens = scores.tokens
    return asked, documents, scores


async def _ask(services: Services, model: Model, asked: RerankRequest, documents: list[str]) -> Scores:
    body = question(model.served, asked.query, documents)
    with closing(await services.catalog.server(model).post(_PATH, body)) as answer:
        whole = await answer.whole()
    if answer.status == 200:
        return read_scores(whole, len(documents))
    error = refusal(answer.status, whole, "/rerank", asked.model)
    if error is None or is_unable(error.message):
        raise _unable(asked.model)
    raise error


def _unable(name: str) -> ApiError:
    return ApiError(400, f'"{name}" does not support reranking')
