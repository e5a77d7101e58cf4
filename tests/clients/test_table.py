"""The README's table of clients: held to what a run gave, and written by it."""

from pathlib import Path

import pytest

from tests.clients import passes
from tests.clients.passes import README, Row, hold

OLD = Row("`b`", "1.0", 2, 1, {"x": "needs the web", "a": "needs the web", "z": "is no program"})


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """One with a row of a client that is not run here, and one of another."""
    text = README.read_text(encoding="utf-8")
    start, rule, rest = text.partition("|---|---|---|---|---|\n")
    after = rest[rest.index("\n\n") :]
    path = tmp_path / "README.md"
    path.write_text(f"{start}{rule}| `a` | 1.0 | 3 | 3 | |\n{OLD}{after}", encoding="utf-8")
    return path


def rows(readme: Path) -> list[str]:
    lines = readme.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(("| `a` |", "| `b` |", "| `c` |"))]


def test_reasons_are_told_once() -> None:
    assert str(OLD) == "| `b` | 1.0 | 2 | 1 | `a`, `x`: needs the web; `z`: is no program |"


def test_what_the_readme_says_is_enough(readme: Path) -> None:
    before = readme.read_text(encoding="utf-8")
    hold(OLD, readme)
    hold(Row("`a`", "1.0", 3, 3, {}), readme)
    assert readme.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    "found", [Row("`a`", "1.1", 3, 3, {}), Row("`a`", "1.0", 3, 2, {}), Row("`c`", "1.0", 3, 3, {})], ids=str
)
def test_what_is_stale_fails(readme: Path, found: Row) -> None:
    with pytest.raises(AssertionError, match="GFXPACK_UPDATE_GOLDEN"):
        hold(found, readme)


def test_a_run_that_is_told_to_writes_its_rows_alone(readme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "UPDATE", True)
    before = readme.read_text(encoding="utf-8").splitlines()
    found = Row("`a`", "1.1", 4, 3, {"x": "needs the web"})
    hold(found, readme)
    hold(Row("`c`", "2.0", 1, 1, {}), readme)
    assert rows(readme) == [str(found), str(OLD), "| `c` | 2.0 | 1 | 1 | |"]
    after = readme.read_text(encoding="utf-8").splitlines()
    assert len(set(before) ^ set(after)) == 3
    hold(found, readme)
