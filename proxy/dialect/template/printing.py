"""Values as Go's fmt prints them: print, println and printf."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from proxy.dialect.template import formatting
from proxy.dialect.template.budget import MAX_VALUE_DEPTH, MAX_WIDTH, Budget
from proxy.dialect.template.errors import TemplateError
from proxy.dialect.template.formatting import Verb
from proxy.dialect.template.values import Described, Struct, is_list, kind, nothing

_VERB = re.compile(r"%([+\-# 0]*)(\*|[0-9]+)?(\.(\*|[0-9]*))?(.)?", re.DOTALL)
_PLAIN = Verb()


def plain(value: object) -> str:
    return value if isinstance(value, str) else formatted(value, _PLAIN)


def sprint(values: Sequence[object], budget: Budget) -> str:
    """A space goes between two that are both no strings."""
    pieces: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            pieces.append(" ")
        pieces.append(budget.text(plain(value)))
    return budget.text("".join(pieces))


def sprintln(values: Sequence[object], budget: Budget) -> str:
    return budget.text(" ".join([budget.text(plain(value)) for value in values]) + "\n")


def sprintf(pattern: str, values: Sequence[object], budget: Budget) -> str:
    return budget.text("".join(_Printf(pattern, values, budget).pieces()))


class _Printf:
    def __init__(self, pattern: str, values: Sequence[object], budget: Budget) -> None:
        self._pattern = pattern
        self._values = values
        self._used = 0
        self._budget = budget

    def pieces(self) -> Iterator[str]:
        position = length = 0
        for match in _VERB.finditer(self._pattern):
            for piece in (self._pattern[position : match.start()], self._verb(match)):
                length += len(piece)
                self._budget.size(max(length, len(piece)))
                yield piece
            position = match.end()
        yield self._pattern[position:]
        if self._used < len(self._values):
            rest = self._values[self._used :]
            yield f"%!(EXTRA {', '.join(_with_kind(value) for value in rest)})"

    def _verb(self, match: re.Match[str]) -> str:
        flags, width, _, precision, letter = match.groups()
        if letter == "[":
            raise TemplateError("printf: arguments by number are not known here")
        spoilt, flags, width = self._width(flags, width)
        bad, precise = self._precision(match[3], precision)
        spoilt += bad
        if letter is None:
            return f"{spoilt}%!(NOVERB)"
        if letter == "%":
            return f"{spoilt}%"
        if self._used >= len(self._values):
            return f"{spoilt}%!{letter}(MISSING)"
        self._used += 1
        return spoilt + formatted(self._values[self._used - 1], Verb(letter, flags, width, precise))

    def _width(self, flags: str, width: str | None) -> tuple[str, str, int]:
        if width != "*":
            return "", flags, _bounded(width or "0")
        given = self._number()
        if given is None:
            return "%!(BADWIDTH)", flags, 0
        return "", flags + "-" * (given < 0), _bounded(str(abs(given)))

    def _precision(self, given: str | None, digits: str | None) -> tuple[str, int | None]:
        if given is None:
            return "", None
        if digits != "*":
            return "", _bounded(digits or "0")
        number = self._number()
        if number is None or number < 0:
            return "%!(BADPREC)" * (number is None), None
        return "", _bounded(str(number))

    def _number(self) -> int | None:
        """The width or precision that * takes from the arguments."""
        if self._used >= len(self._values):
            return None
        value = self._values[self._used]
        self._used += 1
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def _bounded(digits: str) -> int:
    if len(digits) > 9 or int(digits) > MAX_WIDTH:
        raise TemplateError(f"printf: a width of more than {MAX_WIDTH}")
    return int(digits)


def _with_kind(value: object) -> str:
    return "<nil>" if nothing(value) else f"{kind(value)}={plain(value)}"


def formatted(value: object, verb: Verb, depth: int = 0) -> str:
    if depth > MAX_VALUE_DEPTH:
        raise TemplateError("a value is too deep to be printed")
    if verb.letter == "T":
        return verb.pad("<nil>" if nothing(value) else kind(value))
    if value is None:
        return _nil(verb, depth)
    if isinstance(value, Described) and verb.letter in "vsxXq" and "#" not in verb.flags:
        return formatting.of_text(value.text(), verb) or ""
    if isinstance(value, Struct | Mapping) or is_list(value):
        return _compound(value, verb, depth)
    text = _scalar(value, verb)
    if text is None:
        return f"%!{verb.letter}({kind(value)}={formatted(value, replace(verb, letter='v'))})"
    return text


def _nil(verb: Verb, depth: int) -> str:
    if depth:
        return "interface {}(nil)" if verb.letter == "v" and "#" in verb.flags else "<nil>"
    return verb.pad("<nil>") if verb.letter == "v" else f"%!{verb.letter}(<nil>)"


def _scalar(value: object, verb: Verb) -> str | None:
    match value:
        case bool():
            return formatting.of_bool(value, verb)
        case int():
            return formatting.of_int(value, verb)
        case float():
            return formatting.of_float(value, verb)
    return formatting.of_text(str(value), verb)


def _compound(value: object, verb: Verb, depth: int) -> str:
    def inner(item: object) -> str:
        return formatted(item, verb, depth + 1)

    if verb.letter == "v" and "#" in verb.flags:
        return _in_go(value, inner)
    match value:
        case Struct():
            return _struct(value, inner, named=verb.letter == "v" and "+" in verb.flags)
        case Mapping():
            pairs = [f"{inner(name)}:{inner(item)}" for name, item in sorted(value.items())]
            return f"map[{' '.join(pairs)}]"
        case Sequence():
            return f"[{' '.join([inner(item) for item in value])}]"
    return ""


def _struct(value: Struct, inner: Callable[[object], str], *, named: bool) -> str:
    fields = [f"{name}:{inner(item)}" if named else inner(item) for name, item in value.fields.items()]
    return f"{{{' '.join(fields)}}}"


def _in_go(value: object, inner: Callable[[object], str]) -> str:
    match value:
        case Struct():
            items = [f"{name}:{inner(item)}" for name, item in value.fields.items()]
        case Mapping():
            items = [f"{inner(name)}:{inner(item)}" for name, item in sorted(value.items())]
        case Sequence():
            items = [inner(item) for item in value]
        case _:
            items = []
    return f"{kind(value)}{{{', '.join(items)}}}"
