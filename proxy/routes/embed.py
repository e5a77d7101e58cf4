"""Embeddings: of many texts at once, or of one in the older way."""

from contextlib import closing

from proxy.asgi import Reply, Request, json_reply
from proxy.dialect import errors
from proxy.dialect.decoding import decode
from proxy.dialect.embeddings import Batch, batches, fitted, question, read_batch, texts_of
from proxy.dialect.messages import EmbeddingsRequest, EmbedRequest
from proxy.errors import ApiError, EngineUnreadyError
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services

_PATH = "/v1/embeddings"


async def embed(request: Request, services: Services) -> Reply:
    clock = services.clock
    started_ns = clock.ticks()
    asked = decode(request.body, EmbedRequest)
    finding.require_name(asked.model, finding.EMBED)
    texts = texts_of(asked.input)
    model = await _find(services, asked.model, finding.EMBED)
    ready_ns = clock.ticks()
    vectors, tokens = await _vectors(services, model, texts, truncate=asked.truncate)
    answer = {
        "model": asked.model,
        "embeddings": [fitted(vector, asked.dimensions) for vector in vectors],
        "total_duration": max(1, clock.ticks() - started_ns),
        "load_duration": max(1, ready_ns - started_ns),
    }
    return json_reply(answer | ({"prompt_eval_count": tokens} if tokens else {}))


async def embeddings(request: Request, services: Services) -> Reply:
    asked = decode(request.body, EmbeddingsRequest)
    model = await _find(services, asked.model, finding.EMBEDDINGS)
    vectors, _ = await _vectors(services, model, [asked.prompt] if asked.prompt else [], truncate=True)
    return json_reply({"embedding": vectors[0] if vectors else []})


async def _find(services: Services, name: str, wording: finding.Wording) -> Model:
    model = await finding.find(services, name, wording)
    if model.role != "embedding":
        raise ApiError(400, f'"{name}" does not support embeddings')
    return model


async def _vectors(
    services: Services, model: Model, texts: list[str], *, truncate: bool
) -> tuple[list[list[float]], int]:
    """One vector for each text, in order, and the number of tokens in all of them."""
    if not texts and not services.catalog.is_loaded(model):
        raise EngineUnreadyError(f"model '{model.name}' is not loaded: its server may still be starting")
    vectors: list[list[float]] = []
    tokens = 0
    for batch in batches(texts, truncate=truncate):
        found = await _ask(services, model, batch, truncate=truncate)
        # The server counts no more than fit: as many as fit may have been more.
        if not truncate and model.context_length and found.tokens >= model.context_length:
            raise ApiError(400, errors.CONTEXT_EXCEEDED)
        vectors += found.vectors
        tokens += found.tokens
    return vectors, tokens


async def _ask(services: Services, model: Model, texts: list[str], *, truncate: bool) -> Batch:
    body = question(model.served, texts, owner=model.owner, truncate=truncate)
    with closing(await services.catalog.server(model).post(_PATH, body)) as answer:
        whole = await answer.whole()
        if answer.status != 200:
            raise errors.from_engine_error(answer.status, whole, model=model.full_name)
    return read_batch(whole, len(texts))
