"""Models made by Modelfiles, for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.proxy.asking import MODEL
from tests.proxy.conftest import CHAT_MANIFEST, Stack, describe

Make = Callable[..., str]


@contextmanager
def making(stack: Stack) -> Iterator[Make]:
    """Lays something over the model that the engine serves, and gives the new one's name."""
    manifest = CHAT_MANIFEST | {"name": "made:latest", "base": MODEL, "digest": "ef" * 32}
    path = describe(stack.models, manifest)

    def make(**overlay: Any) -> str:  # noqa: ANN401 - whatever a Modelfile can hold
        describe(stack.models, manifest | {"overlay": overlay})
        return "made"

    yield make
    path.unlink()
    path.parent.rmdir()
