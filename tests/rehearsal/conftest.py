"""A console that writes past pytest's capture, and a stage for rehearsals with faults in them."""

from collections.abc import Iterator

import pytest

from builder import paths
from builder.console import Console
from builder.engine import Engine
from builder.render import Inputs, read_inputs
from builder.targets import Catalog
from tests.driver import catalog, engine
from tests.rehearsal.stage import Stage

__all__ = ["catalog", "engine"]


@pytest.fixture(scope="session")
def console(request: pytest.FixtureRequest) -> Iterator[Console]:
    """Stand-ins are compiled where they are not there yet, which takes half a minute."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        yield Console.for_stream()


@pytest.fixture(scope="session")
def inputs(catalog: Catalog) -> Inputs:
    return read_inputs(paths.ROOT, catalog)


@pytest.fixture(scope="session")
def stage(engine: Engine, catalog: Catalog, inputs: Inputs, console: Console) -> Iterator[Stage]:
    """Images that were rehearsed on it are gone afterwards."""
    made = Stage(engine, catalog, inputs, console)
    yield made
    for tag in made.tags:
        engine.remove_image(tag)
