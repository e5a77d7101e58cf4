"""Reading what a tree brings along, its marker and its journal: whoever made it may have written anything.

What is wrong with it is a ValueError or a TypeError.
"""

import os
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def typed(kind: type[_Value], value: object) -> _Value:
    if not isinstance(value, kind):
        raise TypeError(f"{short(value)} is no {kind.__name__}")
    return value


def counts(value: Mapping[str, Any]) -> dict[str, int]:
    return {label: typed(int, number) for label, number in value.items()}


def inside(name: str) -> str:
    """A name below the root."""
    if name.startswith("/") or ".." in name.split("/") or b"\0" in os.fsencode(name):
        raise ValueError(f"{short(name)} is no name below the root")
    return name
