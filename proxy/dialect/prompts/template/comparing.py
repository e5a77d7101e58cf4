"""eq, ne, lt, le, gt and ge: values of different kinds do not compare."""

from proxy.dialect.prompts.template.errors import TemplateError
from proxy.dialect.prompts.template.values import Struct, kind, nothing

_BASIC = {"bool": "bool", "int": "int", "uint8": "int", "float64": "float", "string": "string"}


def equal(one: object, other: object) -> bool:
    basic, other_basic = _BASIC.get(kind(one)), _BASIC.get(kind(other))
    if basic != other_basic:
        if one is not None and other is not None:
            raise TemplateError(f"incompatible types for comparison: {kind(one)} and {kind(other)}")
        return False
    if basic is not None:
        return one == other
    if nothing(one) or nothing(other):
        return nothing(one) and nothing(other)
    if isinstance(one, Struct) and isinstance(other, Struct):
        return one is other
    raise TemplateError(f"non-comparable types: {kind(one)} and {kind(other)}")


def less(one: object, other: object) -> bool:
    basic, other_basic = _BASIC.get(kind(one)), _BASIC.get(kind(other))
    if basic in (None, "bool") or other_basic in (None, "bool"):
        raise TemplateError(f"invalid type for comparison: {kind(one)} and {kind(other)}")
    if basic != other_basic:
        raise TemplateError(f"incompatible types for comparison: {kind(one)} and {kind(other)}")
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    assert isinstance(one, int | float)  # noqa: S101 - the kinds say so
    assert isinstance(other, int | float)  # noqa: S101 - the kinds say so
    return one < other
