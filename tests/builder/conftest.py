"""What the tests of every part of the driver see: a screen, a console on it, and this machine's engine."""

import io

import pytest

from builder.console import Console
from tests.driver import engine

__all__ = ["engine"]


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(screen: io.StringIO) -> Console:
    """A console as in CI: plain lines."""
    return Console(screen, live=False, colour=False)
