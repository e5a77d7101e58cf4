"""What the routes ask of the place where models are kept. `proxy/store/library.py` answers from a disk."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

import msgspec

from proxy.dialect.names import Name
from proxy.model import Model, Overlay


class Progress(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One record of a work that takes a while. Sizes in bytes; `digest` names the file that they speak of."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


Records = AsyncGenerator[Progress, None]


class Library(Protocol):
    """Where models are kept, and what brings them to the engines. Each raises `ApiError`. Records go on until
    the work is done; who closes them early stops it. Digests are bare."""

    async def copy(self, source: Model, name: Name) -> None: ...

    async def delete(self, model: Model) -> None: ...

    def create(self, name: Name, source: Name, given: Overlay) -> Records:
        """What is empty in `given` is taken from the source."""
        ...

    def pull(self, name: Name) -> Records: ...

    def push(self, name: Name) -> Records: ...

    async def load(self, model: Model) -> None:
        """Returns once an engine has it ready."""
        ...

    async def unload(self, model: Model) -> None: ...

    async def has_blob(self, digest: str) -> bool: ...

    async def take_blob(self, digest: str, parts: AsyncIterator[bytes], size: int) -> None:
        """`size` is what the client says it will be, 0 where it does not."""
        ...
