"""What an engine refuses on the routes that pass through, in the shape of the route's own dialect."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.dialect import errors
from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError

_MODEL_MISSING = re.compile(r"\bmodel\b.* (does not exist|not found)", re.IGNORECASE | re.DOTALL)
_ROUTE_MISSING = frozenset({"Not Found", "File Not Found", "404 page not found"})

# What the model cannot do where its engine has no such route.
_ABILITIES: Mapping[str, str] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "counting tokens",
    "/v1/systemone": "decisions",
    "/v1/audio/transcriptions": "transcription",
    "/v1/audio/translations": "translation",
    "/rerank": "reranking",
}
_ABSENCES = frozenset({404, 501, 503})
_PASSED_ON = frozenset({400, 409, 413, 415, 422, 429})


def refusal(status: int, body: bytes, path: str, name: str) -> ApiError | None:
    """The error to answer with; None where the engine's own body has the right shape already. `name` is the
    model's as the client wrote it."""
    value = _decode(body)
    message = _message(value)
    if message is None:
        return EngineBrokenError(f"the engine answered with status {status} and nothing that can be read")
    if status in _ABSENCES:
        return _absence(status, message, path, name)
    if status not in _PASSED_ON and status < 500:
        return EngineBrokenError(f"the engine answered with status {status}: {message}")
    if errors.shape_of(path) is errors.openai and _is_openais(value):
        return None
    return ApiError(
        status, errors.for_anthropic(message) if errors.shape_of(path) is errors.anthropic else message
    )


def _absence(status: int, message: str, path: str, name: str) -> ApiError:
    """Of the route, of the model, of the engine itself, or of something that was asked for."""
    if status == 501:
        return ApiError(400, f'"{name}" does not support {_ABILITIES.get(path, path)}: {message}')
    if message in _ROUTE_MISSING:
        return ApiError(
            400, f'"{name}" does not support {_ABILITIES.get(path, path)}: its engine has no {path}'
        )
    if _MODEL_MISSING.search(message):
        return EngineUnreadyError(f"model '{name}' is not loaded by the engine")
    return EngineUnreadyError(message) if status == 503 else ApiError(404, message)


def _decode(body: bytes) -> object:
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return body.decode("utf-8", "replace").strip() if body[:20].startswith(b"404 page") else None
    return value


def _is_openais(value: object) -> bool:
    error = value.get("error") if isinstance(value, dict) else None
    return isinstance(error, dict) and isinstance(error.get("message"), str)


def _message(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("error", value.get("detail", value.get("message")))
    if isinstance(value, dict):
        value = value.get("message")
    if isinstance(value, list):
        value = "; ".join(_of_field(entry) for entry in value)
    return errors.one_line(value) if isinstance(value, str) else None


def _of_field(entry: Any) -> str:  # noqa: ANN401 - any JSON
    """One entry of what FastAPI says of a body that does not fit."""
    if not isinstance(entry, dict):
        return str(entry)
    place = ".".join(map(str, entry.get("loc", ())))
    return f"{place}: {entry.get('msg')}"
