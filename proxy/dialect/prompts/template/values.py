"""What templates see: str, bool, int, float, None, lists and mappings, as JSON has them, and these.

None is an interface that holds nothing. NO_VALUE is less: what a pipeline makes of it, which prints as
"<no value>" and has no fields rather than wrong ones."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum

from proxy.dialect.prompts.template.budget import Budget
from proxy.dialect.prompts.template.errors import TemplateError


class NoValue(Enum):
    NO_VALUE = "<no value>"


NO_VALUE = NoValue.NO_VALUE


TYPESCRIPT = "ToTypeScriptType"
"""What a description of a value may say of itself, beside its fields."""


class Byte(int):
    """What indexing a string gives."""


class NilList(tuple[object, ...]):
    """A list that was never made: as an empty one, but null in JSON and equal to nil."""


class Ordered(dict[str, object]):
    """A mapping that JSON shows in its own order."""


class Described(ABC):
    """A value that says itself how it prints."""

    @abstractmethod
    def text(self, budget: Budget) -> str: ...

    def encoded(self) -> object:
        """What JSON shows of it."""
        return self


class Struct:
    """Named fields, and no others. `tagged` is what JSON shows of it."""

    __slots__ = ("fields", "hidden", "kind", "tagged")

    def __init__(
        self,
        kind: str,
        fields: Mapping[str, object],
        *,
        tagged: Mapping[str, object] | None = None,
        hidden: Mapping[str, object] | None = None,
    ) -> None:
        self.kind = kind
        self.fields = fields
        self.tagged = fields if tagged is None else tagged
        self.hidden = hidden or {}


def kind(value: object) -> str:  # noqa: PLR0911 - one line for each kind
    """What Go calls its type."""
    match value:
        case None | NoValue():
            return "nil"
        case bool():
            return "bool"
        case Byte():
            return "uint8"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Struct():
            return value.kind
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"


def nothing(value: object) -> bool:
    return value is None or value is NO_VALUE or isinstance(value, NilList)


def is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def truth(value: object) -> bool:
    if value is NO_VALUE:
        return False
    return isinstance(value, Struct) or bool(value)


def encoded(text: str) -> bytes:
    """The bytes of a text, of which some may be no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def position(value: object, size: int) -> int:
    """An index or a bound of a slice."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"cannot index slice/array with {kind(value)}")
    if not 0 <= value <= size:
        raise TemplateError(f"index out of range: {value}")
    return value
