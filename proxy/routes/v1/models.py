"""Models as OpenAI lists them."""

from proxy.asgi import Reply, Request, json_reply
from proxy.dialect.models import openai_card
from proxy.routes import finding
from proxy.services import Services


async def models(_request: Request, services: Services) -> Reply:
    cards = [openai_card(model) for model in await services.catalog.all()]
    return json_reply({"object": "list", "data": cards})


async def model(request: Request, services: Services) -> Reply:
    """Names with slashes come whole."""
    return json_reply(openai_card(await finding.find(services, request.params["model"], finding.SHOW)))
