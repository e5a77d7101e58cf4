"""OpenAI's and Anthropic's routes: the engine speaks them itself, so that they pass through."""

from collections.abc import AsyncGenerator
from contextlib import closing

import msgspec

from proxy.asgi import Reply, Request, Stream, json_reply
from proxy.dialect.models import openai_card
from proxy.dialect.parsing import parse_json
from proxy.errors import ApiError, EngineUnreadyError
from proxy.model import Model
from proxy.services import Services
from proxy.upstream import Answer

_EVENT_STREAM = "text/event-stream"
_KEPT_HEADERS = ("retry-after", "x-request-id")
_OF_EMBEDDING_MODELS = {"/v1/embeddings": "embeddings", "/v1/rerank": "reranking"}


async def models(_request: Request, services: Services) -> Reply:
    cards = [openai_card(model) for model in await services.catalog.all()]
    return json_reply({"object": "list", "data": cards})


async def model(request: Request, services: Services) -> Reply:
    return json_reply(openai_card(await _find(services, request.params["model"])))


async def passed_through(request: Request, services: Services) -> Reply | Stream:
    """Only the model's name is rewritten, where the engine knows it by another."""
    asked = parse_json(request.body)
    if not isinstance(asked, dict):
        raise ApiError(400, "the request body must be a JSON object")
    name = asked.get("model")
    if not isinstance(name, str) or not name:
        raise ApiError(400, "model is required")
    found = await _find(services, name)
    _check_role(found, name, request.path)
    renamed = msgspec.json.encode(asked | {"model": found.served})
    body = request.body if name == found.served else renamed
    answer = await services.catalog.server(found).post(request.path, body)
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    content_type = answer.headers.get("content-type", "application/json")
    if content_type.startswith(_EVENT_STREAM):
        return Stream(_pieces(answer), answer.status, content_type, headers)
    with closing(answer):
        return Reply(await answer.whole(), answer.status, content_type, headers)


async def _find(services: Services, name: str) -> Model:
    found = await services.catalog.find(name)
    if found is not None:
        return found
    if not services.catalog.complete:
        raise EngineUnreadyError(f"model '{name}' is not known while the engine does not answer")
    raise ApiError(404, f"model '{name}' not found")


def _check_role(found: Model, name: str, path: str) -> None:
    wanted = _OF_EMBEDDING_MODELS.get(path)
    if wanted and found.role != "embedding":
        raise ApiError(400, f'"{name}" does not support {wanted}')
    if not wanted and found.role == "embedding":
        raise ApiError(400, f'"{name}" does not support chat')


async def _pieces(answer: Answer) -> AsyncGenerator[bytes, None]:
    with closing(answer):
        while data := await answer.read():
            yield data
