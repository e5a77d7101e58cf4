"""What an answer must look like. Ollama knows `format`: JSON, or JSON of one schema. The rest is the
engine's, by its own names: `structured_outputs`, `logit_bias` and `bad_words`."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from proxy.dialect.messages import Generation
from proxy.dialect.prompts.schemas import eased
from proxy.errors import ApiError

_LONGEST_SHOWN = 200
_SHAPING = frozenset({"response_format", "structured_outputs"})
_FAILED = ("Internal server error", "Internal Server Error")
_CANNOT_KEEP = "the engine cannot hold its answer to this format: its grammar may not know all that is in it"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_schema(value: object) -> bool:
    return isinstance(value, dict) or _is_text(value)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


# Each kind, what it must be, and how that is said.
_KINDS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "regex": (_is_text, "a regular expression"),
    "choice": (_are_texts, "a list of texts"),
    "grammar": (_is_text, "a grammar"),
    "json": (_is_schema, "a JSON schema"),
}


def constraint(request: Generation) -> dict[str, Any]:
    """The fields of the engine's request that hold the answer to its shape."""
    shape = _format(request.format)
    structured = _structured(request.structured_outputs)
    if shape and structured:
        raise ApiError(400, "format and structured_outputs exclude each other: use one of them")
    return {**shape, **structured, **_bias(request.logit_bias), **_bad_words(request.bad_words)}


def blamed(error: ApiError, asked: Mapping[str, Any]) -> ApiError:
    """The engine's grammars are made late, and it says no more of those that it cannot make than that
    something failed."""
    if error.status == 500 and error.message in _FAILED and not _SHAPING.isdisjoint(asked):
        return ApiError(400, _CANNOT_KEEP)
    return error


def _format(value: object) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if value == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(value, dict):
        schema = {"name": "schema", "schema": eased(value)}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    shown = msgspec.json.encode(value).decode()[:_LONGEST_SHOWN]
    raise ApiError(400, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')


def _structured(given: Mapping[str, Any]) -> dict[str, Any]:
    given = {kind: value for kind, value in given.items() if value is not None}
    if not given:
        return {}
    kind, *more = given
    if more or kind not in _KINDS:
        raise ApiError(400, f"structured_outputs takes one of {', '.join(_KINDS)}")
    fits, wanted = _KINDS[kind]
    if not fits(given[kind]):
        raise ApiError(400, f"structured_outputs.{kind} must be {wanted}")
    return {"structured_outputs": given}


def _bias(given: Mapping[str, Any]) -> dict[str, Any]:
    """By the tokens' numbers."""
    for token, bias in given.items():
        if not (token.isascii() and token.isdigit()) or type(bias) not in (int, float):
            raise ApiError(400, "logit_bias must map numbers of tokens to numbers")
    return {"logit_bias": given} if given else {}


def _bad_words(given: list[str]) -> dict[str, Any]:
    words = [word for word in given if word]
    return {"bad_words": words} if words else {}
