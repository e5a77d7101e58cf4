"""What operators' own servers ask for."""

from proxy.figures.exposition import CONTENT_TYPE
from proxy.http.asgi import Reply, Request
from proxy.services import Services


async def metrics(_request: Request, services: Services) -> Reply:
    answering = {str(role): answers for role, answers in (await services.catalog.answering()).items()}
    return Reply(services.meters.exposition(answering).encode(), content_type=CONTENT_TYPE)
