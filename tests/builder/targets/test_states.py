"""How far a target is said to work, against what shows it."""

import datetime
import re

import pytest

from builder import paths
from builder.targets import Target, load_catalog
from builder.targets.model import Shown
from tests.rehearsal.test_rehearsals import REHEARSABLE

CATALOG = load_catalog(paths.TARGETS)
CLAIMS = [
    pytest.param(name, state, shown, id=f"{name}-{state}")
    for name, target in CATALOG.targets.items()
    for state, shown in target.state
    if shown
]
SHOWN_BY = {
    "rendered": "tests/builder/render",
    "rehearsed": "tests/rehearsal/test_rehearsals.py::test_every_stage_runs_and_every_check_passes",
    "built": "tests/",
    "run": "tests/",
}
"""Where the tests are that can show each state."""

every_claim = pytest.mark.parametrize(("name", "state", "shown"), CLAIMS)


def is_link(shown: Shown) -> bool:
    return shown.by.startswith("https://")


@every_claim
def test_what_shows_it_is_there(name: str, state: str, shown: Shown) -> None:
    assert shown.date <= datetime.datetime.now(tz=datetime.UTC).date()
    if is_link(shown):
        assert state == "run", "only what ran on hardware may be shown by somebody else"
        return
    path, _, test = shown.by.partition("::")
    assert shown.by.startswith(SHOWN_BY[state])
    assert (paths.ROOT / path).exists(), f"{name} is said to be {state} by {path}, which is not there"
    if test:
        assert re.search(rf"^\s*def {test}\(", (paths.ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)


@every_claim
def test_a_test_that_shows_it_knows_the_target(name: str, state: str, shown: Shown) -> None:
    """Rendering is tested of all targets, a rehearsal of those that its tests list; what else is said of a
    target names a test in which that target stands."""
    if state == "rehearsed":
        assert name in REHEARSABLE
    elif state in ("built", "run") and not is_link(shown):
        path = paths.ROOT / shown.by.partition("::")[0]
        assert re.search(rf"""["']{name}["']|\b{name}\b""", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("target", CATALOG.targets.values(), ids=CATALOG.targets)
def test_each_state_stands_on_the_ones_before(target: Target) -> None:
    state = target.state
    assert state.rendered
    assert not state.run or state.built or is_link(state.run)
