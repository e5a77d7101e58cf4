"""Dead weight by policy, within a run over a tree."""

import json
from pathlib import Path

import pytest

from pruner.cli import main
from tests.pruner.tree.trees import contents, fat, put, snapshot, wheel

POLICY = """\
keep    all  -  foo/tests/data   somebody reads it
delete  all  -  foo/tests        tests
delete  cuda -  foo/amd          for other cards
"""
GONE = {"foo/tests/test_a.py", "foo/tests/libtest.so"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    put(root / "foo/libx.so", fat())
    put(root / "foo/tests/libtest.so", fat())
    put(root / "foo/tests/test_a.py", b"assert True\n")
    put(root / "foo/tests/data/words", b"words\n")
    put(root / "foo/amd/driver.py", b"\n")
    wheel(root, "foo", "foo/libx.so", "foo/tests/libtest.so", "foo/tests/test_a.py", "foo/tests/data/words")
    return root


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return put(tmp_path / "policy.txt", POLICY.encode())


def prune(site: Path, policy: Path, *more: str) -> int:
    return main([str(site), "--arch", "gfx1100", "--weight", str(policy), *more])


def test_what_goes_as_a_whole_is_not_pruned_first(
    site: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(site)
    assert prune(site, policy, "--json", str(site.with_name("report.json"))) == 0
    after = contents(site)
    assert before.keys() - after.keys() == GONE
    record = after["foo-1.0.dist-info/RECORD"].decode()
    assert [row.split(",")[0] for row in record.splitlines()] == [
        "foo/libx.so",
        "foo/tests/data/words",
        "foo-1.0.dist-info/RECORD",
    ]
    assert "foo/tests: 320.7 kB removed (tests)" in capsys.readouterr().out
    report = json.loads(site.with_name("report.json").read_bytes())
    assert [(file["path"], file["outcome"]) for file in report["files"]] == [
        ("foo/libx.so", "pruned"),
        ("foo/tests", "removed"),
    ]
    assert {file["path"] for file in report["removed"]} == GONE


def test_a_dry_run_counts_each_byte_once(site: Path, policy: Path) -> None:
    before = snapshot(site)
    reports = [site.with_name(name) for name in ("dry.json", "wet.json")]
    assert prune(site, policy, "--dry-run", "--json", str(reports[0])) == 0
    assert snapshot(site) == before
    assert prune(site, policy, "--json", str(reports[1])) == 0
    dry, wet = (json.loads(report.read_bytes()) for report in reports)
    assert (dry["before"], dry["after"], dry["removed"]) == (wet["before"], wet["after"], wet["removed"])


def test_a_policy_is_carried_out_once(site: Path, policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prune(site, policy)
    before = snapshot(site)
    assert prune(site, policy) == 0
    assert snapshot(site) == before
    assert "policy.txt: done by an earlier run" in capsys.readouterr().out
    assert main([str(site), "--check"]) == 0
    put(site / "foo/tests/test_a.py", b"")
    assert main([str(site), "--check"]) == 3


@pytest.mark.parametrize(
    ("text", "archs", "message"),
    [
        ("delete all - gone reason\n", ["gfx1100"], "nothing matches 'gone'"),
        ("drop all - foo reason\n", ["gfx1100"], "drop"),
        ("\xff", ["gfx1100"], "cannot read the policy"),
        (POLICY, ["gfx1100", "sm_90"], "one vendor"),
    ],
)
def test_a_policy_that_is_not_true_of_the_tree_changes_nothing(
    text: str, archs: list[str], message: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = put(site.with_name("policy.txt"), text.encode("latin-1"))
    before = snapshot(site)
    assert main([str(site), "--arch", *archs, "--weight", str(policy)]) == 2
    assert message in capsys.readouterr().err
    assert snapshot(site) == before
