"""Waiting for what happens elsewhere, as long as it takes and no longer."""

import time
from collections.abc import Callable

_PATIENCE_SECONDS = 5.0
_LOOK_EVERY_SECONDS = 0.005


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(_LOOK_EVERY_SECONDS)
