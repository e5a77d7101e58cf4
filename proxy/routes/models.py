"""Which models there are, what they are, and which of them are loaded."""

from proxy.asgi import Reply, Request, json_reply
from proxy.clock import now
from proxy.dialect import names
from proxy.dialect.decoding import decode
from proxy.dialect.messages import ShowRequest
from proxy.dialect.models import listed, running, shown
from proxy.errors import ApiError
from proxy.services import Services

# It prefers this key for the name that it shows, where people expect the one that they asked for.
_COPILOT = "GitHubCopilotChat/"
_BASENAME = "general.basename"


async def tags(_request: Request, services: Services) -> Reply:
    return json_reply({"models": [listed(model) for model in await services.catalog.all()]})


async def show(request: Request, services: Services) -> Reply:
    asked = decode(request.body, ShowRequest)
    text = asked.model or asked.name
    if not text:
        raise ApiError(400, "model is required")
    model = await services.catalog.find(text)
    if model is None:
        raise _not_there(text)
    inside = await services.catalog.inside(model, tensors=asked.verbose)
    page = shown(model, inside, asked)
    if request.header("user-agent").startswith(_COPILOT):
        page["model_info"][_BASENAME] = text
    return json_reply(page)


def _not_there(text: str) -> ApiError:
    name = names.parse(text)
    if name is None:
        return ApiError(400, "invalid model name")
    return ApiError(404, f"model '{name.shortest}' not found")


async def ps(_request: Request, services: Services) -> Reply:
    catalog = services.catalog
    at = now()
    held = await catalog.loaded()
    return json_reply({"models": [running(model, at, on_gpu=catalog.on_gpu(model)) for model in held]})
