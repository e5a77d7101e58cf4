"""The engine of this machine, and the base that images stand on."""

import gc
import io
import warnings
from collections.abc import Iterator

import pytest

from builder.console import Console
from builder.engine import Engine, ImageFacts, base
from builder.paths import TARGETS
from builder.sources import Sources
from builder.targets import load_catalog
from builder.targets.images import BaseSpec


@pytest.fixture
def sockets_of_the_sdk() -> Iterator[None]:
    """Docker's SDK forgets its socket where nothing answers: no other test is to be blamed for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="session")
def bookworm() -> BaseSpec:
    return load_catalog(TARGETS).bases["bookworm"]


@pytest.fixture(scope="session")
def sources() -> Sources:
    return Sources.load()


@pytest.fixture(scope="session")
def base_image(engine: Engine, bookworm: BaseSpec, sources: Sources) -> ImageFacts:
    quiet = Console(io.StringIO(), live=False, colour=False)
    return base.ensure(engine, bookworm, sources=sources, console=quiet)


@pytest.fixture(scope="session")
def gateway(engine: Engine) -> str:
    """The address under which a step of a build reaches this machine."""
    return str(engine.sdk.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"])


@pytest.fixture
def tag(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name for an image of this test; what got it is gone afterwards."""
    name = f"gfxpack-test/{request.node.originalname.replace('_', '-')}:1".lower()
    yield name
    engine.remove_image(name)
