"""Models as OpenAI lists them, and for Anthropic's clients as Anthropic does."""

from proxy.dialect.models import anthropic_card, openai_card
from proxy.http.asgi import Reply, Request, json_reply
from proxy.routes import finding
from proxy.services import Services

# On every request of theirs.
_ANTHROPICS_MARK = "anthropic-version"


async def models(request: Request, services: Services) -> Reply:
    found = await services.catalog.all()
    if not request.header(_ANTHROPICS_MARK):
        return json_reply({"object": "list", "data": [openai_card(model) for model in found]})
    first, last = (found[0].name, found[-1].name) if found else (None, None)
    cards = [anthropic_card(model) for model in found]
    return json_reply({"data": cards, "has_more": False, "first_id": first, "last_id": last})


async def model(request: Request, services: Services) -> Reply:
    """Names with slashes come whole."""
    card = anthropic_card if request.header(_ANTHROPICS_MARK) else openai_card
    return json_reply(card(await finding.find(services, request.params["model"], finding.SHOW)))
