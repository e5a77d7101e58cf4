"""Speech to text: a form with a file, which passes through to an engine that hears."""

from proxy.dialect.bodies import multipart
from proxy.dialect.passing import forbidden
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, Stream
from proxy.routes.v1.bodies import body_of
from proxy.routes.v1.finding import find_chat, named
from proxy.routes.v1.passing import Call, passed_on
from proxy.services import Services

_ABILITIES = {"/v1/audio/transcriptions": "transcription", "/v1/audio/translations": "translation"}


async def heard(request: Request, services: Services) -> Reply | Stream:
    """All of the form goes on as it came, but for the model's name where the engine knows it by another."""
    body = body_of(request)
    content_type = request.header("content-type")
    fields = {}
    for field in multipart.fields(body, content_type):
        if field.name in ("model", "file") and field.name in fields:
            raise ApiError(400, f"{field.name} is given twice")
        fields[field.name] = field
    texts = {name: body[field.start : field.end] for name, field in fields.items() if name != "file"}
    forbidden.check(texts)
    name = named({"model": texts.get("model", b"").decode("utf-8", "replace")})
    if "file" not in fields:
        raise ApiError(400, "file is required")
    model = await find_chat(request, services, name, _ABILITIES[request.path])
    if name != model.served:
        body = multipart.replaced(body, fields["model"], model.served.encode())
    call = Call(request.path, model, name, body, request.tally, content_type)
    return await passed_on(call, services)
