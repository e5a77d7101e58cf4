"""How many tokens an answer took, read from the last that an engine said."""

import json
from dataclasses import dataclass

_KEY = '"usage"'


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int


def usage_in(tail: bytes) -> Usage | None:
    """From the end of a stream, or from a whole answer, in either dialect; None where nothing is told."""
    text = tail.decode("utf-8", "replace")
    at = text.rfind(_KEY)
    while at >= 0:
        found = _read(text[at + len(_KEY) :].lstrip(" :"))
        if found is not None:
            return found
        at = text.rfind(_KEY, 0, at)
    return None


def _read(text: str) -> Usage | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    prompt = value.get("prompt_tokens", value.get("input_tokens"))
    completion = value.get("completion_tokens", value.get("output_tokens", 0))
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    return Usage(prompt, completion)
