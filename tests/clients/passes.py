"""The README's table of clients that pass. A run compares its rows with it; where that is asked for, it
writes them: GFXPACK_UPDATE_GOLDEN=1 python build.py test tests/clients tests/stack/test_sdks.py"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.files import replace_text
from builder.paths import ROOT

UPDATE = "GFXPACK_UPDATE_GOLDEN" in os.environ
README = ROOT / "README.md"

_RUNS = "tests/clients tests/stack/test_sdks.py"
_TABLE = re.compile(r"(?<=\| client \| version \| cases \| passed \| the rest, and why \|\n)(?:\|.*\n)+")


@dataclass(frozen=True, slots=True)
class Row:
    """What one client's run gave."""

    client: str
    version: str
    cases: int
    passed: int
    left_out: Mapping[str, str]
    """The names of cases that were not run or could not pass, and why."""

    def __str__(self) -> str:
        cells = (self.client, self.version, self.cases, self.passed, self._reasons())
        return f"| {' | '.join(map(str, cells))} |".replace("|  |", "| |")

    def _reasons(self) -> str:
        by_reason: dict[str, list[str]] = {}
        for name, why in sorted(self.left_out.items()):
            by_reason.setdefault(why, []).append(f"`{name}`")
        return "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())


def hold(row: Row, readme: Path = README) -> None:
    """Fails where the README says something else of this client than the run gave."""
    text = readme.read_text(encoding="utf-8")
    found = _TABLE.search(text)
    assert found, "the README has no table of clients"
    if UPDATE:
        replace_text(readme, text[: found.start()] + _with(row, found[0]) + text[found.end() :])
    else:
        assert f"{row}\n" in found[0], f"run GFXPACK_UPDATE_GOLDEN=1 python build.py test {_RUNS}"


def _with(row: Row, table: str) -> str:
    """In the place of what it said of this client so far, or below all others."""
    new = f"{row}\n"
    lines = table.splitlines(keepends=True)
    of_client = [at for at, line in enumerate(lines) if line.startswith(f"| {row.client} |")]
    if not of_client:
        return table + new
    lines[of_client[0]] = new
    return "".join(lines)
