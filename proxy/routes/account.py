"""What Ollama asks its cloud for. There is no cloud behind this server, and it says so as Ollama does."""

from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, json_reply
from proxy.services import Services

_UNAVAILABLE = {"web_search": "web search is unavailable", "web_fetch": "web fetch is unavailable"}


async def status(_request: Request, _services: Services) -> Reply:
    return json_reply({"cloud": {"disabled": True, "source": "env"}})


async def me(_request: Request, _services: Services) -> Reply:
    """Nobody can be signed in. Clients open the address where there is one."""
    return json_reply({"error": "unauthorized", "signin_url": ""}, 401)


async def signout(_request: Request, _services: Services) -> Reply:
    return json_reply({"error": "you are not currently signed in"}, 401)


async def web(request: Request, _services: Services) -> Reply:
    if not request.body.strip():
        raise ApiError(400, "missing request body")
    operation = request.path.rpartition("/")[2]
    raise ApiError(403, f"ollama cloud is disabled: {_UNAVAILABLE[operation]}")


async def recommendations(_request: Request, _services: Services) -> Reply:
    """Those would come from the cloud as well."""
    return json_reply({"recommendations": []})
