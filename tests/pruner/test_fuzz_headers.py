"""Whatever the ELF header, the program headers and the section headers say, no library is damaged."""

import pytest

from tests.pruner.fuzzing import Part, failures


@pytest.mark.parametrize("start", range(0, 2500, 500))
def test_damaged_headers(start: int) -> None:
    assert failures(Part.HEADERS, range(start, start + 500)) == []


@pytest.mark.long
@pytest.mark.parametrize("start", range(0, 50_000, 1000))
def test_many_more_damaged_headers_and_the_loader_agrees(start: int) -> None:
    assert failures(Part.HEADERS, range(start, start + 1000), load=True) == []
