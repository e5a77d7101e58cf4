"""Values as Go's fmt prints them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from proxy.dialect.prompts.template import formatting
from proxy.dialect.prompts.template.budget import MAX_VALUE_DEPTH, Budget
from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.formatting import Verb
from proxy.dialect.prompts.template.values import Described, Struct, is_list, kind, nothing

_PLAIN = Verb()


def printed(value: object, budget: Budget) -> str:
    return budget.text(value) if isinstance(value, str) else formatted(value, _PLAIN, budget)


def sprint(values: Sequence[object], budget: Budget) -> str:
    """A space goes between two that are both no strings."""
    pieces: list[str] = []
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            pieces.append(" ")
        pieces.append(printed(value, budget))
    return budget.text("".join(pieces))


def sprintln(values: Sequence[object], budget: Budget) -> str:
    return budget.text(" ".join([printed(value, budget) for value in values]) + "\n")


def formatted(value: object, verb: Verb, budget: Budget, depth: int = 0) -> str:
    """By one verb of printf, in a list or mapping of that depth."""
    budget.spend()
    if depth > MAX_VALUE_DEPTH:
        raise TemplateError("a value is too deep to be printed")
    if value is None:
        return _nil(verb, depth)
    if verb.letter == "T":
        return verb.pad(kind(value))
    if isinstance(value, Described) and verb.letter in "vsxXq" and not verb.in_go:
        return budget.text(formatting.of_text(value.text(budget), verb) or "")
    if isinstance(value, Struct | Mapping) or is_list(value):
        return budget.text(_compound(value, verb, budget, depth))
    text = _scalar(value, verb, budget)
    if text is None:
        plain = _scalar(value, replace(verb, letter="v"), budget)
        return f"%!{verb.letter}({kind(value)}={plain})"
    return budget.text(text)


def _nil(verb: Verb, depth: int) -> str:
    if depth:
        return "interface {}(nil)" if verb.in_go else "<nil>"
    return verb.pad("<nil>") if verb.letter in "vT" else f"%!{verb.letter}(<nil>)"


def _scalar(value: object, verb: Verb, budget: Budget) -> str | None:
    match value:
        case bool():
            return formatting.of_bool(value, verb)
        case int():
            return formatting.of_int(value, verb)
        case float():
            return formatting.of_float(value, verb)
    text = budget.text(str(value))
    if verb.letter == "q" or verb.in_go:
        budget.read_each(text)
    return formatting.of_text(text, verb)


def _compound(value: object, verb: Verb, budget: Budget, depth: int) -> str:
    items: list[str] = []
    match value:
        case Struct():
            for name, item in value.fields.items():
                items.append(f"{name}:" * verb.named + formatted(item, verb, budget, depth + 1))
        case Mapping():
            for name, item in sorted(value.items()):
                key = formatted(name, verb, budget, depth + 1)
                items.append(f"{key}:{formatted(item, verb, budget, depth + 1)}")
        case Sequence():
            items = [formatted(item, verb, budget, depth + 1) for item in value]
    if verb.in_go:
        return f"{kind(value)}{{{', '.join(items)}}}"
    start, end = "{}" if isinstance(value, Struct) else ("map[", "]") if isinstance(value, Mapping) else "[]"
    return f"{start}{' '.join(items)}{end}"


def with_kind(value: object, budget: Budget) -> str:
    return "<nil>" if nothing(value) else f"{kind(value)}={printed(value, budget)}"
