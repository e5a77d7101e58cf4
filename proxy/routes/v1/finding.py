"""The model that a request on these routes means."""

from typing import Any

from proxy.errors import ApiError
from proxy.http.asgi import Request
from proxy.model import Model
from proxy.routes import finding
from proxy.services import Services


def named(asked: dict[str, Any]) -> str:
    name = asked.get("model")
    if not isinstance(name, str):
        raise ApiError(400, "model is required")
    finding.require_name(name, finding.CHAT)
    return name


async def find_chat(request: Request, services: Services, name: str, ability: str = "chat") -> Model:
    found = await finding.find(services, name, finding.CHAT)
    request.tally.model = found.name
    if found.role == "embedding" or found.can("completion") is False:
        raise ApiError(400, f'"{name}" does not support {ability}')
    return found
