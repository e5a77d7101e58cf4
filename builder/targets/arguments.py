"""Flags of an engine, as data and as a command line has them."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import StringConstraints

Flag = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]+$")]
Arguments: TypeAlias = dict[Flag, str | int | float | bool]


def flags(arguments: Mapping[str, str | int | float | bool]) -> list[str]:
    """What is false is not said."""
    return [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in arguments.items()
        if value is not False
    ]
