"""Go's printf."""

import re
from collections.abc import Iterator, Sequence

from proxy.dialect.prompts.template.budget import MAX_WIDTH, Budget
from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.formatting import Verb
from proxy.dialect.prompts.template.printing import formatted, with_kind

_VERB = re.compile(
    r"%(?P<flags>[+\-# 0]*)(?P<width>\*|[0-9]+)?(?P<point>\.(?P<precision>\*|[0-9]*))?(?P<letter>.)?",
    re.DOTALL,
)

_FLAGS_OF_V = str.maketrans("+#", "ng")


def sprintf(pattern: str, values: Sequence[object], budget: Budget) -> str:
    return budget.text("".join(_Printf(values, budget).pieces(pattern)))


class _Printf:
    def __init__(self, values: Sequence[object], budget: Budget) -> None:
        self._values = values
        self._used = 0
        self._budget = budget

    def pieces(self, pattern: str) -> Iterator[str]:
        """What goes wrong is printed where it does."""
        position = 0
        for match in _VERB.finditer(pattern):
            self._budget.spend()
            yield pattern[position : match.start()]
            yield from self._verb(match)
            position = match.end()
        yield pattern[position:]
        if self._used < len(self._values):
            rest = [with_kind(value, self._budget) for value in self._values[self._used :]]
            yield f"%!(EXTRA {', '.join(rest)})"

    def _verb(self, match: re.Match[str]) -> Iterator[str]:
        flags, letter = match["flags"], match["letter"]
        if letter == "v":
            flags = flags.translate(_FLAGS_OF_V)
        if letter == "[":
            raise TemplateError("printf: arguments by number are not known here")
        width = self._number(match["width"] or "0")
        if width is None:
            yield "%!(BADWIDTH)"
        precision = self._number(match["precision"] or "0") if match["point"] else None
        if match["point"] and (precision is None or precision < 0):
            yield "%!(BADPREC)"
            precision = None
        verb = Verb(letter or "", flags + "-" * ((width or 0) < 0), abs(width or 0), precision)
        yield self._formatted(verb)

    def _formatted(self, verb: Verb) -> str:
        if verb.letter in ("", "%"):
            return verb.letter or "%!(NOVERB)"
        if self._used >= len(self._values):
            return f"%!{verb.letter}(MISSING)"
        self._used += 1
        return formatted(self._values[self._used - 1], verb, self._budget)

    def _number(self, written: str) -> int | None:
        """A width or precision, which * takes from the arguments."""
        value: object = None
        if written != "*":
            value = int(written[:9])
        elif self._used < len(self._values):
            value = self._values[self._used]
            self._used += 1
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        if abs(value) > MAX_WIDTH:
            raise TemplateError(f"printf: a width of more than {MAX_WIDTH}")
        return value
