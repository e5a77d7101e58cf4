"""A worker's life: a job, its answer, the next job, until nobody asks any more.

It is started anew for each worker, so it brings little of its own: `-S` and few imports.
"""

import importlib
import pickle
import sys


def serve() -> None:
    while True:
        try:
            work, arguments, keywords = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the run alone
        except EOFError:
            return
        pickle.dump(_done(work, arguments, keywords), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _done(work: str, arguments: tuple[object, ...], keywords: dict[str, object]) -> tuple[object, str]:
    """The answer, or else what went wrong."""
    try:
        module, _, function = work.partition(":")
        return getattr(importlib.import_module(module), function)(*arguments, **keywords), ""
    except Exception as error:  # a defect costs one file, not the run
        return None, f"unexpected {type(error).__name__}: {error}"
