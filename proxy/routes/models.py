"""Which models there are, what they are, and which of them are loaded."""

from proxy.asgi import Reply, Request, json_reply
from proxy.clock import now
from proxy.dialect import names
from proxy.dialect.decoding import decode
from proxy.dialect.messages import ShowRequest
from proxy.dialect.models import listed, running, shown
from proxy.errors import ApiError
from proxy.services import Services


async def tags(_request: Request, services: Services) -> Reply:
    return json_reply({"models": [listed(model) for model in await services.catalog.all()]})


async def show(request: Request, services: Services) -> Reply:
    asked = decode(request.body, ShowRequest)
    text = asked.model or asked.name
    if not text:
        raise ApiError(400, "model is required")
    model = await services.catalog.find(text)
    if model is not None:
        return json_reply(shown(model))
    name = names.parse(text)
    if name is None:
        raise ApiError(400, "invalid model name")
    raise ApiError(404, f"model '{name.shortest}' not found")


async def ps(_request: Request, services: Services) -> Reply:
    catalog = services.catalog
    at = now()
    return json_reply(
        {"models": [running(model, at) for model in await catalog.all() if catalog.is_loaded(model)]}
    )
