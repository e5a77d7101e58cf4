"""Whatever a library's relocations, symbols, wrappers and headers of device code say, it is not damaged."""

import pytest

from tests.pruner.fuzzing import Part, failures


@pytest.mark.parametrize("start", range(0, 2500, 500))
def test_damaged_contents(start: int) -> None:
    assert failures(Part.CONTENTS, range(start, start + 500)) == []


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 50_000, 1000))
def test_many_more_damaged_contents_and_the_loader_agrees(start: int) -> None:
    assert failures(Part.CONTENTS, range(start, start + 1000), load=True) == []
