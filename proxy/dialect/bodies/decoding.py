"""Request bodies as typed messages, by the rules of Go's decoder, which are Ollama's.

The Content-Type does not matter. Keys match without case, unknown keys are ignored, `null` counts as
absent, the last of two equal keys wins, and whole floats are taken for integers. Only the fields of our
own messages are treated so; what is inside a free-form value (options, schemas, tool arguments) stays as
it came. A field with a grammar of its own names the function that reads it: `Annotated[type, function]`."""

from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from proxy.dialect.bodies.parsing import parse_json
from proxy.errors import ApiError


class Body(msgspec.Struct, kw_only=True):
    """Base of every message that a client sends. Each field must have a default."""


B = TypeVar("B", bound=Body)

_INT64 = 2**63

# Takes a JSON value and the place where it stands, for the error.
_Converter = Callable[[object, str], object]


def decode(body: bytes, kind: type[B]) -> B:
    value = parse_json(body)
    if value is None:
        return kind()
    if not isinstance(value, dict):
        raise ApiError(
            400, f"json: cannot unmarshal {_GO_KINDS[type(value)]} into Go value of type {_go_type(kind)}"
        )
    message = _message_converter(kind)(value, kind.__name__)
    if not isinstance(message, kind):
        raise TypeError(kind)
    return message


@cache
def _message_converter(kind: type[Body]) -> _Converter:
    hints = get_type_hints(kind, include_extras=True)
    named = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    fields = {written.lower(): (name, written, _converter(hints[name])) for written, name in named}

    def convert(value: object, place: str) -> object:
        if not isinstance(value, dict):
            raise _mismatch(value, place, _go_type(kind))
        given = {}
        for key, item in value.items():
            if item is not None and key.lower() in fields:
                name, written, converter = fields[key.lower()]
                given[name] = converter(item, f"{place}.{written}")
        return kind(**given)

    return convert


def _converter(hint: Any) -> _Converter:  # noqa: ANN401 - a type hint has no type
    if get_origin(hint) is Annotated:
        reader: _Converter = get_args(hint)[1]
        return reader
    if get_origin(hint) is UnionType:
        hint = get_args(hint)[0]
    if get_origin(hint) is list:
        return _list_converter(hint)
    if isinstance(hint, type) and issubclass(hint, Body):
        return _message_converter(hint)
    return _SCALARS[get_origin(hint) or hint]


def _list_converter(hint: Any) -> _Converter:  # noqa: ANN401 - a type hint has no type
    (item_hint,) = get_args(hint)
    convert_item = _converter(item_hint)
    zero = _nothing if item_hint is Any else get_origin(item_hint) or item_hint

    def convert(value: object, place: str) -> object:
        if not isinstance(value, list):
            raise _mismatch(value, place, _go_type(hint))
        return [zero() if item is None else convert_item(item, place) for item in value]

    return convert


def _nothing() -> None:
    return None


def _scalar(kinds: tuple[type, ...], hint: object) -> _Converter:
    def convert(value: object, place: str) -> object:
        if type(value) not in kinds:
            raise _mismatch(value, place, _go_type(hint))
        return value

    return convert


def whole(value: object, place: str) -> int:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(number) is not int or not -_INT64 <= number < _INT64:
        raise _mismatch(value, place, _go_type(int))
    return number


def lower_case(value: object, place: str) -> str:
    return str(_SCALARS[str](value, place)).lower()


_SCALARS: dict[object, _Converter] = {
    str: _scalar((str,), str),
    bool: _scalar((bool,), bool),
    int: whole,
    dict: _scalar((dict,), dict),
    Any: lambda value, _: value,
}

_GO_TYPES: dict[object, str] = {str: "string", bool: "bool", int: "int"}
_GO_KINDS: dict[type, str] = {
    bool: "bool",
    str: "string",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


def _go_type(hint: object) -> str:
    if get_origin(hint) is list:
        return "[]" + _go_type(get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, Body):
        return f"api.{hint.__name__}"
    return _GO_TYPES.get(hint, "map[string]interface {}")


def _mismatch(value: object, place: str, go_type: str) -> ApiError:
    found = _GO_KINDS[type(value)]
    if found == "number" and go_type == "int":
        found = f"number {value}"
    return ApiError(400, f"json: cannot unmarshal {found} into Go struct field {place} of type {go_type}")
