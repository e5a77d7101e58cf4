"""Responses that an engine keeps: to be read again, or to be broken off."""

import re
from contextlib import closing

from proxy.catalog import Catalog
from proxy.dialect.passing.refusals import refusal
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request
from proxy.services import Services
from proxy.upstream import Upstream

_PLACE = re.compile(r"([A-Za-z0-9_-]{1,128})(/cancel)?")


async def kept(request: Request, services: Services) -> Reply:
    """Nothing in the name says which engine keeps it: each is asked."""
    place = _PLACE.fullmatch(request.params["response"])
    if place is None or (request.method == "POST") != bool(place[2]):
        raise ApiError(404, "page not found")
    for server in await _servers(services.catalog):
        asking = server.post(request.path, b"") if place[2] else server.get(request.path)
        with closing(await asking) as answer:
            body = await answer.whole()
        if answer.status != 404:
            error = None if answer.status == 200 else refusal(answer.status, body, request.path, "")
            if error is not None:
                raise error
            return Reply(body, answer.status)
    raise ApiError(404, f"response '{place[1]}' is not kept here")


async def _servers(catalog: Catalog) -> list[Upstream]:
    models = [model for model in await catalog.all() if model.role == "chat" and catalog.is_loaded(model)]
    return list(dict.fromkeys(catalog.server(model) for model in models))
