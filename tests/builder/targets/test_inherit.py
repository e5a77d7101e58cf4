"""Families as people write them: what a target gets from its template, and what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import paths
from builder.errors import ConfigError
from builder.targets import Catalog, load_catalog
from builder.targets.document import Document
from builder.targets.inherit import inherit

TEXT = """
families:
  chip:
    env: {A: low, B: low}
    gaps: [one]
    title: family
    more: {deep: {x: 1}}
  narrow:
    extends: chip
    env: {B: narrow}
    gaps: [two]
targets:
  a:
    family: narrow
    env: {C: own}
    gaps: [three]
  b:
    family: chip
    title: own
    more: {deep: {x: 2, y: 3}}
"""


def targets(text: str) -> dict[str, Any]:
    whole = inherit(Document(text).value)
    assert isinstance(whole, dict)
    assert "families" not in whole
    found: dict[str, Any] = whole["targets"]
    return found


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "targets.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_catalog(file)
    return list(caught.value.evidence) or [caught.value.message]


def test_mappings_merge_lists_add_up_and_plain_values_win() -> None:
    found = targets(TEXT)
    assert found["a"] == {
        "family": "narrow",
        "env": {"A": "low", "B": "narrow", "C": "own"},
        "gaps": ["one", "two", "three"],
        "title": "family",
        "more": {"deep": {"x": 1}},
    }
    assert found["b"]["title"] == "own"
    assert found["b"]["more"] == {"deep": {"x": 2, "y": 3}}


def test_a_problem_in_a_template_is_told_at_the_templates_line(tmp_path: Path) -> None:
    text = paths.TARGETS.read_text(encoding="utf-8")
    broken = text.replace("    vendor: none\n", "    vendor: nome\n", 1)
    line = broken[: broken.index("vendor: nome")].count("\n") + 1
    assert problems(tmp_path, broken) == [
        f"targets.yaml:{line}: targets.cpu.vendor: 'nome' is not allowed; use 'none', 'amd' or 'nvidia'"
    ]


@pytest.mark.parametrize(
    ("families", "expected"),
    [
        ("{cpu: {extends: cpu}}", "family 'cpu' stands on itself"),
        ("{cpu: {extends: other}, other: {extends: cpu}}", "stands on itself"),
        ("{cpu: {extends: nothing}}", "there is no family 'nothing'; families are cpu"),
        ("{other: {}}", "there is no family 'cpu'; families are other"),
        ("{cpu: [1]}", "there is no family 'cpu'"),
        ("[cpu]", "families: must be a mapping of templates"),
    ],
)
def test_a_family_that_is_none(tmp_path: Path, families: str, expected: str) -> None:
    [problem] = problems(tmp_path, f"families: {families}\ntargets:\n  cpu: {{family: cpu}}\n")
    assert expected in problem


def test_every_family_is_somebodys() -> None:
    document = yaml.safe_load(paths.TARGETS.read_text(encoding="utf-8"))
    users = [*document["targets"].values(), *document["families"].values()]
    named = {user.get(key) for user in users for key in ("family", "extends")}
    assert set(document["families"]) <= named


def test_the_catalog_shows_whole_targets() -> None:
    catalog: Catalog = load_catalog(paths.TARGETS)
    assert all(target.vendor for target in catalog.targets.values())
