"""Embeddings: of many texts at once, or of one in the older way."""

from collections.abc import Sequence

from proxy.asking.vectors import of_texts
from proxy.dialect.bodies.decoding import decode
from proxy.dialect.embeddings import Batch, Text, fitted, texts_of
from proxy.dialect.messages import EmbeddingRequest, EmbedRequest
from proxy.dialect.prompts import options
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, json_reply
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services


async def embed(request: Request, services: Services) -> Reply:
    clock = services.clock
    started_ns = clock.ticks()
    asked = decode(request.body, EmbedRequest)
    finding.require_name(asked.model, finding.EMBED)
    texts = texts_of(asked.input)
    model = await find_embedding(request, services, asked.model, finding.EMBED)
    options.check(asked.options)
    if not texts:
        await services.library.load(model)
        return json_reply({"model": asked.model, "embeddings": []})
    ready_ns = clock.ticks()
    found = await embedded(request, services, model, texts, truncate=asked.truncate)
    answer = {
        "model": asked.model,
        "embeddings": [fitted(vector, asked.dimensions) for vector in found.vectors],
        "total_duration": max(1, clock.ticks() - started_ns),
        "load_duration": max(1, ready_ns - started_ns),
    }
    return json_reply(answer | ({"prompt_eval_count": found.tokens} if found.tokens else {}))


async def embeddings(request: Request, services: Services) -> Reply:
    """As the server made it: Ollama brings this one to no length."""
    asked = decode(request.body, EmbeddingRequest)
    model = await find_embedding(request, services, asked.model, finding.EMBEDDINGS)
    options.check(asked.options)
    if not asked.prompt:
        await services.library.load(model)
        return json_reply({"embedding": []})
    found = await embedded(request, services, model, [asked.prompt], truncate=True)
    return json_reply({"embedding": found.vectors[0]})


async def find_embedding(request: Request, services: Services, name: str, wording: finding.Wording) -> Model:
    model = await finding.find(services, name, wording)
    request.tally.model = model.name
    if model.role != "embedding":
        raise ApiError(400, f'"{name}" does not support embeddings')
    return model


async def embedded(
    request: Request, services: Services, model: Model, texts: Sequence[Text], *, truncate: bool
) -> Batch:
    found = await of_texts(services.catalog.server(model), model, texts, truncate=truncate)
    request.tally.prompt_tokens = found.tokens
    return found
