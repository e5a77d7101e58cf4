"""What a template may call: Go's builtins and Ollama's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import quote_plus

from proxy.dialect.prompts.template import comparing
from proxy.dialect.prompts.template.budget import Budget
from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.gojson import to_json
from proxy.dialect.prompts.template.printf import sprintf
from proxy.dialect.prompts.template.printing import sprint, sprintln
from proxy.dialect.prompts.template.values import (
    NO_VALUE,
    TYPESCRIPT,
    Byte,
    Struct,
    decoded,
    encoded,
    kind,
    position,
    truth,
)

_T = TypeVar("_T")
_ANY_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class Context:
    """What functions need beside their arguments."""

    budget: Budget
    today: date | None


Arguments = Sequence[object]


@dataclass(frozen=True, slots=True)
class Builtin:
    call: Callable[[Context, Arguments], object]
    least: int
    most: int = _ANY_NUMBER
    texts: int = 0
    """How many arguments must be strings, from the first on."""


def _index(_: Context, arguments: Arguments) -> object:
    item, *indexes = arguments
    if item is None:
        raise TemplateError("index of untyped nil")
    for index in indexes:
        item = _item(item, index)
    return item


def _item(item: object, index: object) -> object:
    match item:
        case str():
            return Byte(_at(encoded(item), index))
        case Struct():
            pass
        case Mapping():
            if not isinstance(index, str):
                raise TemplateError(f"value has type {kind(index)}; should be string")
            return item.get(index)
        case Sequence():
            return _at(item, index)
    raise TemplateError(f"cannot index item of type {kind(item)}")


def _at(items: Sequence[_T], index: object) -> _T:
    return items[position(index, len(items) - 1)]


def _slice(context: Context, arguments: Arguments) -> object:
    item, *bounds = arguments
    if isinstance(item, str):
        if len(bounds) > 2:
            raise TemplateError("cannot 3-index slice a string")
        data = encoded(item)
        return decoded(data[_bounds(bounds, len(data))])
    if not isinstance(item, Sequence):
        raise TemplateError(f"cannot slice item of type {kind(item)}")
    context.budget.copied(len(item))
    return item[_bounds(bounds, len(item))]


def _bounds(given: Sequence[object], size: int) -> slice:
    if len(given) > 3:
        raise TemplateError(f"too many slice indexes: {len(given)}")
    start, stop, limit = [*(position(bound, size) for bound in given), *(0, size, size)[len(given) :]]
    if not start <= stop <= limit:
        raise TemplateError(f"invalid slice index: {start} > {stop} or {stop} > {limit}")
    return slice(start, stop)


def _length(_: Context, arguments: Arguments) -> object:
    (item,) = arguments
    match item:
        case str():
            return len(encoded(item))
        case Struct():
            pass
        case Mapping() | Sequence():
            return len(item)
    raise TemplateError(f"len of type {kind(item)}")


def _not(_: Context, arguments: Arguments) -> object:
    return not truth(arguments[0])


def _equal(_: Context, arguments: Arguments) -> object:
    first, *others = arguments
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(comparing.equal(first, other) for other in others)


def _comparison(holds: Callable[[object, object], bool]) -> Builtin:
    return Builtin(lambda _, arguments: holds(arguments[0], arguments[1]), 2, 2)


def _at_most(one: object, other: object) -> bool:
    return comparing.less(one, other) or comparing.equal(one, other)


def _call(_: Context, arguments: Arguments) -> object:
    raise TemplateError(f"call of {kind(arguments[0])}, which is no function")


def _text_of(context: Context, arguments: Arguments) -> str:
    """What is nothing is said to be so where it stands in a page, a script or an address."""
    return sprint([str(NO_VALUE.value) if value is None else value for value in arguments], context.budget)


_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}


def _html(context: Context, arguments: Arguments) -> object:
    return context.budget.text(_text_of(context, arguments).translate(_HTML))


def _js(context: Context, arguments: Arguments) -> object:
    text = _text_of(context, arguments)
    context.budget.read_each(text)
    return context.budget.text("".join(map(_js_character, text)))


def _js_character(character: str) -> str:
    if character in _JS:
        return _JS[character]
    printable = character.isprintable() or 0xD800 <= ord(character) < 0xE000
    return character if printable else f"\\u{ord(character):04X}"


def _urlquery(context: Context, arguments: Arguments) -> object:
    return context.budget.text(quote_plus(encoded(_text_of(context, arguments)), safe="~"))


def _json(context: Context, arguments: Arguments) -> object:
    return context.budget.text(to_json(arguments[0], context.budget))


def _date(days_ago: int) -> Builtin:
    def written(context: Context, _: Arguments) -> object:
        if context.today is None:
            raise TemplateError("no date is known here")
        return (context.today - timedelta(days=days_ago)).isoformat()

    return Builtin(written, 0, texts=_ANY_NUMBER)


def _typescript(_: Context, arguments: Arguments) -> object:
    (value,) = arguments
    return value.hidden.get(TYPESCRIPT, "any") if isinstance(value, Struct) else "any"


SHORT_CIRCUIT: Mapping[str, bool] = {"and": False, "or": True}
"""Which truth of an argument makes it the result, with the rest unevaluated."""

FUNCTIONS: Mapping[str, Builtin] = {
    "not": Builtin(_not, 1, 1),
    "eq": Builtin(_equal, 1),
    "ne": _comparison(lambda one, other: not comparing.equal(one, other)),
    "lt": _comparison(comparing.less),
    "le": _comparison(_at_most),
    "gt": _comparison(lambda one, other: not _at_most(one, other)),
    "ge": _comparison(lambda one, other: not comparing.less(one, other)),
    "index": Builtin(_index, 1),
    "slice": Builtin(_slice, 1),
    "len": Builtin(_length, 1, 1),
    "call": Builtin(_call, 1),
    "print": Builtin(lambda context, arguments: sprint(arguments, context.budget), 0),
    "println": Builtin(lambda context, arguments: sprintln(arguments, context.budget), 0),
    "printf": Builtin(
        lambda context, arguments: sprintf(str(arguments[0]), arguments[1:], context.budget),
        least=1,
        texts=1,
    ),
    "html": Builtin(_html, 0),
    "js": Builtin(_js, 0),
    "urlquery": Builtin(_urlquery, 0),
    "json": Builtin(_json, 1, 1),
    "currentDate": _date(0),
    "yesterdayDate": _date(1),
    "toTypeScriptType": Builtin(_typescript, 1, 1),
}

NAMES = FUNCTIONS.keys() | SHORT_CIRCUIT.keys()


def call(name: str, arguments: Arguments, context: Context) -> object:
    builtin = FUNCTIONS[name]
    if not builtin.least <= len(arguments) <= builtin.most:
        raise TemplateError(f"wrong number of args for {name}: got {len(arguments)}")
    for argument in arguments[: builtin.texts]:
        if not isinstance(argument, str):
            raise TemplateError(f"wrong type for value of {name}; expected string; got {kind(argument)}")
    for argument in arguments:
        if isinstance(argument, str):
            context.budget.text(argument)
    return builtin.call(context, [None if argument is NO_VALUE else argument for argument in arguments])
