"""The driver as a person runs it, and what tests look at beside it: the engine and the catalog."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from builder.engine import Engine, connect
from builder.paths import ROOT, TARGETS
from builder.targets import Catalog, load_catalog


def driver(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run build.py as from a shell, with plain output."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "build.py"), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "CI": "true"},
        timeout=1800,
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    found = connect()
    yield found
    found.sdk.close()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog(TARGETS)
