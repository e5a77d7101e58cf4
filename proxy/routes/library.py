"""Making, copying, fetching and removing models, and the files that they are made from."""

from contextlib import aclosing

import msgspec

from proxy.dialect import errors, making, names
from proxy.dialect.answers.lines import line
from proxy.dialect.bodies.decoding import decode
from proxy.dialect.bodies.quoting import quoted
from proxy.dialect.library import CopyRequest, CreateRequest, DeleteRequest, PullRequest, PushRequest
from proxy.dialect.names import Name
from proxy.errors import ApiError
from proxy.http.asgi import Pieces, Reply, Request, Stream, json_reply
from proxy.library import Records
from proxy.routes import finding
from proxy.services import Services

_BAD_NAME = "invalid model name"
_COPIED = finding.Wording((400, 'source "{name}" is invalid'), 'model "{name}" not found', waits=False)
_DELETED = finding.Wording((400, 'name "{name}" is invalid'), "model '{name}' not found", waits=False)


async def copy(request: Request, services: Services) -> Reply:
    asked = decode(request.body, CopyRequest)
    source = _name(asked.source, f"source {quoted(asked.source)} is invalid")
    destination = _name(asked.destination, f"destination {quoted(asked.destination)} is invalid")
    if source.key != destination.key:
        model = await finding.find(services, asked.source, _COPIED)
        await services.library.copy(model, destination)
    return Reply(b"")


async def delete(request: Request, services: Services) -> Reply:
    text = decode(request.body, DeleteRequest).meant
    _name(text, f"name {quoted(text)} is invalid")
    await services.library.delete(await finding.find(services, text, _DELETED))
    return Reply(b"")


async def create(request: Request, services: Services) -> Reply | Stream:
    asked = decode(request.body, CreateRequest)
    making.check_files(asked)
    name = _name(asked.meant, _BAD_NAME)
    making.check_way(asked)
    source = _name(asked.from_, _BAD_NAME)
    return await _told(services.library.create(name, source, making.overlay(asked)), stream=asked.stream)


async def pull(request: Request, services: Services) -> Reply | Stream:
    asked = decode(request.body, PullRequest)
    return await _told(services.library.pull(_name(asked.meant, _BAD_NAME)), stream=asked.stream)


async def push(request: Request, services: Services) -> Reply | Stream:
    asked = decode(request.body, PushRequest)
    if not asked.meant:
        raise ApiError(400, "model is required")
    return await _told(services.library.push(_name(asked.meant, _BAD_NAME)), stream=asked.stream)


async def has_blob(request: Request, services: Services) -> Reply:
    text = request.params["digest"]
    if not await services.library.has_blob(making.digest(text)):
        raise ApiError(404, f"blob {quoted(text)} not found")
    return Reply(b"")


async def take_blob(request: Request, services: Services) -> Reply:
    """Whoever sends a file that is here already is told so at once."""
    digest = making.digest(request.params["digest"])
    if await services.library.has_blob(digest):
        return Reply(b"")
    if request.parts is None:
        raise TypeError("this route is one that streams")
    length = request.header("content-length")
    size = int(length) if length.isdecimal() else 0
    await services.library.take_blob(digest, request.parts, size)
    return Reply(b"", 201)


def _name(text: str, refusal: str) -> Name:
    reference = names.refer(text)
    name = names.parse(text if reference.place == "cloud" else reference.text)
    if name is None:
        raise ApiError(400, refusal)
    return name


async def _told(records: Records, *, stream: bool) -> Reply | Stream:
    """Every record as it comes, or the last one alone."""
    if stream:
        return Stream(_lines(records), farewell=_error_line)
    async with aclosing(records):
        told = [record async for record in records]
    return json_reply(told[-1])


async def _lines(records: Records) -> Pieces:
    async with aclosing(records):
        async for record in records:
            yield line(msgspec.json.encode(record))


def _error_line(error: ApiError) -> bytes:
    return line(msgspec.json.encode(errors.ollama(error)))
