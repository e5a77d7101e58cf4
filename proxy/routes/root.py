"""What needs neither a model nor an engine."""

from proxy import API_VERSION
from proxy.http.asgi import Reply, Request, json_reply, text_reply
from proxy.services import Services


async def running(_request: Request, _services: Services) -> Reply:
    return text_reply("Ollama is running")


async def version(_request: Request, _services: Services) -> Reply:
    return json_reply({"version": API_VERSION})


async def health(_request: Request, _services: Services) -> Reply:
    """That the proxy serves; its engines have checks of their own."""
    return json_reply({"status": "ok"})
