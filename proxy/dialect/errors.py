"""Errors in the shape of each dialect, and the engine's errors as ours."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.errors import ApiError, EngineBrokenError, EngineUnreadyError

_LONGEST_MESSAGE = 2000

_OPENAI_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    429: "rate_limit_error",
}
_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}

CONTEXT_EXCEEDED = "the input length exceeds the context length"
BUSY = "server busy, please try again.  maximum pending requests exceeded"

_TOO_LONG = (
    "maximum context length|longer than the maximum model length|exceeds model's maximum"
    # vLLM's words for a prompt that leaves no room for a single token.
    "|exceeds the available context size|max_tokens must be at least 1, got 0"
)
# What engines say, and what Ollama's clients know it as.
_KNOWN = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (_TOO_LONG, CONTEXT_EXCEEDED),
        ("tool choice requires|--tool-call-parser|requires --jinja", "{model} does not support tools"),
        ("At most 0 audio|audio input is not supported", "{model} does not support audio"),
        (
            "is not a multimodal model|At most 0 (image|video)|image input is not supported",
            "{model} does not support images",
        ),
    )
)
_PASSED_ON = frozenset({400, 404, 413, 422})


def ollama(error: ApiError) -> dict[str, Any]:
    """Ollama's clients look for an address to sign in at where they may not go on."""
    return {"error": error.message} | ({"signin_url": ""} if error.status == 401 else {})


def openai(error: ApiError) -> dict[str, Any]:
    kind = _OPENAI_TYPES.get(error.status, "api_error")
    code = _OPENAI_CODES.get(error.status)
    return {"error": {"message": error.message, "type": kind, "param": None, "code": code}}


def anthropic(error: ApiError) -> dict[str, Any]:
    kind = _ANTHROPIC_TYPES.get(error.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}


def shape_of(path: str) -> Callable[[ApiError], dict[str, Any]]:
    if path.startswith("/v1/messages"):
        return anthropic
    return openai if path == "/v1" or path.startswith("/v1/") else ollama


def from_engine_error(status: int, body: bytes, *, model: str = "the model") -> ApiError:
    """`model` is the name to use where the message speaks of it."""
    message = _message(body)
    if status == 503:
        return EngineUnreadyError(message or "the engine is not ready")
    if status == 429:
        return ApiError(503, BUSY, headers={"retry-after": "1"})
    if message is None:
        return EngineBrokenError(f"the engine answered with status {status} and nothing that can be read")
    for pattern, text in _KNOWN:
        if pattern.search(message):
            return ApiError(400, text.format(model=model))
    if status in _PASSED_ON or status >= 500:
        return ApiError(status, message)
    return EngineBrokenError(f"the engine answered with status {status}: {message}")


def for_anthropic(message: str) -> str:
    """The engine's words, after those by which Claude Code knows that it must make its history shorter."""
    return f"prompt is too long: {message}" if re.search(_TOO_LONG, message) else message


def _message(body: bytes) -> str | None:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    error = value.get("error", value) if isinstance(value, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return one_line(message) if isinstance(message, str) else None


def one_line(message: str) -> str | None:
    """None where nothing is said. Of a body that does not fit, vLLM says each fault on a line of its own."""
    return " ".join(message.split())[:_LONGEST_MESSAGE] or None
