"""The binaries, compiled where they are not there yet, and the judges; both for a whole session."""

from collections.abc import Iterator

import pytest

from builder.console import Console
from builder.engine import Engine
from tests.driver import engine
from tests.pruner.compiled import image
from tests.pruner.compiled.binaries import Binaries, binaries
from tests.pruner.compiled.judges import Judges
from tests.pruner.compiled.workbench import workbench

__all__ = ["engine"]


@pytest.fixture(scope="session")
def console(request: pytest.FixtureRequest) -> Iterator[Console]:
    """It writes past pytest's capture: making an image takes a minute."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        yield Console.for_stream()


@pytest.fixture(scope="session")
def compiled(engine: Engine, console: Console) -> Binaries:
    return binaries(engine, console)


@pytest.fixture(scope="session")
def judges(engine: Engine, console: Console, compiled: Binaries) -> Iterator[Judges]:
    with workbench(engine, image.ensure(engine, console)) as bench:
        yield Judges(bench, compiled)
