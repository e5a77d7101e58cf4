"""Which models there are, what they are, and which of them are loaded."""

from proxy.clock import now
from proxy.dialect.bodies.decoding import decode
from proxy.dialect.messages import ShowRequest
from proxy.dialect.models import listed, running, shown
from proxy.http.asgi import Reply, Request, json_reply
from proxy.routes import finding
from proxy.services import Services

# It prefers this key for the name that it shows, where people expect the one that they asked for.
_COPILOT = "GitHubCopilotChat/"
_BASENAME = "general.basename"


async def tags(_request: Request, services: Services) -> Reply:
    return json_reply({"models": [listed(model) for model in await services.catalog.all()]})


async def show(request: Request, services: Services) -> Reply:
    asked = decode(request.body, ShowRequest)
    text = asked.model or asked.name
    model = await finding.find(services, text, finding.SHOW)
    inside = await services.catalog.inside(model, tensors=asked.verbose)
    page = shown(model, inside, asked)
    if request.header("user-agent").startswith(_COPILOT):
        page["model_info"][_BASENAME] = text
    return json_reply(page)


async def ps(_request: Request, services: Services) -> Reply:
    catalog = services.catalog
    at = now()
    held = await catalog.loaded()
    return json_reply({"models": [running(model, at, on_gpu=catalog.on_gpu(model)) for model in held]})
