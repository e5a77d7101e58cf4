"""What the routes ask of the place where models are kept. `proxy/store/library.py` answers from a disk."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from proxy.dialect.messages import Message
from proxy.dialect.names import Name
from proxy.model import Model


class Progress(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One record of a work that takes a while. Sizes in bytes; `digest` names the file that they speak of."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


Records = AsyncGenerator[Progress, None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is laid over a model to make another. What is empty is taken from the one that it is made from."""

    system: str = ""
    template: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    license: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""


class Library(Protocol):
    """Each raises `ApiError`. Records go on until the work is done; who closes them early stops it."""

    async def copy(self, source: Model, name: Name) -> None: ...

    async def delete(self, name: Name) -> None: ...

    def create(self, name: Name, source: Name, recipe: Recipe) -> Records: ...

    def pull(self, name: Name) -> Records: ...

    def push(self, name: Name) -> Records: ...

    async def has_blob(self, digest: str) -> bool: ...

    async def take_blob(self, digest: str, parts: AsyncIterator[bytes], size: int | None) -> None: ...
