"""JSON as Go writes it: keys of maps sorted, and no character that could end a script in a web page."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from proxy.dialect.prompts.template import floats
from proxy.dialect.prompts.template.budget import MAX_VALUE_DEPTH, Budget
from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.values import Described, NilList, NoValue, Ordered, Struct

_SPECIAL = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", '"': '\\"', "\\": "\\\\"}


def to_json(value: object, budget: Budget) -> str:
    """Empty where a number is none: Ollama's `json` drops the error."""
    try:
        return "".join(_written(value, budget, 0))
    except OverflowError:
        return ""


def _written(value: object, budget: Budget, depth: int) -> Iterator[str]:
    budget.spend()
    if depth > MAX_VALUE_DEPTH:
        raise TemplateError("a value is too deep to be printed")
    match value.encoded() if isinstance(value, Described) else value:
        case str(text):
            yield _text(budget.text(text))
        case None | NoValue() | NilList():
            yield "null"
        case Struct(tagged=fields):
            yield from _object(fields.items(), budget, depth)
        case Ordered() as ordered:
            yield from _object(ordered.items(), budget, depth)
        case Mapping() as mapping:
            yield from _object(sorted(mapping.items()), budget, depth)
        case Sequence() as items:
            yield from _array(items, budget, depth)
        case scalar:
            yield _scalar(scalar)


def _object(items: Iterable[tuple[str, object]], budget: Budget, depth: int) -> Iterator[str]:
    yield "{"
    for number, (name, value) in enumerate(items):
        yield f"{',' * bool(number)}{_text(name)}:"
        yield from _written(value, budget, depth + 1)
    yield "}"


def _array(items: Sequence[object], budget: Budget, depth: int) -> Iterator[str]:
    yield "["
    for number, value in enumerate(items):
        yield "," * bool(number)
        yield from _written(value, budget, depth + 1)
    yield "]"


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, float) else f"{value:d}"


def _text(text: str) -> str:
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise OverflowError
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return floats.plain(value)
    return floats.scientific(value).replace("e-0", "e-")
