"""Tables of dead weight: what a row may say, and that ours say it."""

from pathlib import Path

import pytest

from builder.paths import IMAGES
from pruner.deadweight.policy import Action, Family, read_policy
from pruner.errors import PrunerError

OURS = sorted(IMAGES.glob("*/slim/*.txt"))


def write(folder: Path, text: str) -> Path:
    path = folder / "policy.txt"
    path.write_text(text)
    return path


def test_a_row_in_full(tmp_path: Path) -> None:
    policy = write(tmp_path, "# said\n\n  delete cuda,rocm 10.9  torch/bin/*   protoc, and   more\n")
    (row,) = read_policy(policy)
    assert row.place == "policy.txt:3"
    assert row.action is Action.DELETE
    assert row.families == {Family.CUDA, Family.ROCM}
    assert row.megabytes == 10.9
    assert row.pattern == "torch/bin/*"
    assert row.reason == "protoc, and   more"


def test_all_stands_for_every_family(tmp_path: Path) -> None:
    (row,) = read_policy(write(tmp_path, "keep all - x y\n"))
    assert row.families == set(Family)
    assert row.megabytes is None


@pytest.mark.parametrize(
    ("pattern", "globs"),
    [
        ("a/*.so", {"a/*.so"}),
        ("a/{b,c}", {"a/b", "a/c"}),
        ("{a,b}/{c,d}.*", {"a/c.*", "a/d.*", "b/c.*", "b/d.*"}),
        ("a{,/b}", {"a", "a/b"}),
    ],
)
def test_braces_stand_for_either(tmp_path: Path, pattern: str, globs: set[str]) -> None:
    (row,) = read_policy(write(tmp_path, f"keep all - {pattern} y\n"))
    assert set(row.globs) == globs


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("delete all 1 pkg/tests", "policy.txt:1: 'delete all 1 pkg/tests' is no row", "ACTION FOR MB"),
        ("remove all 1 x y", "policy.txt:1: no action is called 'remove'", "keep, delete, strip, link"),
        ("delete gpu 1 x y", "no family is called 'gpu'", "all, cpu, cuda, rocm"),
        ("delete cpu, 1 x y", "no family is called ''", "all, cpu, cuda, rocm"),
        ("delete all,cpu 1 x y", "no family is called 'all'", "all, cpu"),
        ("delete all much x y", "'much' is no size in MB", "4.1"),
        ("delete all -1 x y", "'-1' is no size in MB", "4.1"),
        ("delete all nan x y", "'nan' is no size in MB", "4.1"),
        ("delete all 1 ../x y", "'../x' leads out of the tree", ""),
        ("delete all 1 x/../../x y", "leads out of the tree", ""),
        ("delete all 1 x/{..,y} y", "leads out of the tree", ""),
        ("delete all 1 //etc y", "'//etc' leads out of the tree", ""),
        ("delete all 1 / y", "'/' leads out of the tree", ""),
        ("delete all 1 x/{a,b y", "the braces of 'x/{a,b' do not pair", "lib/{a,b}.so"),
        ("delete all 1 x/{a,{b,c}} y", "do not pair", ""),
    ],
)
def test_a_row_that_says_nothing_is_refused(tmp_path: Path, line: str, said: str, hint: str) -> None:
    with pytest.raises(PrunerError) as error:
        read_policy(write(tmp_path, line + "\n"))
    assert said in error.value.message
    assert hint in error.value.hint


def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrunerError, match=r"cannot read the policy .*nowhere"):
        read_policy(tmp_path / "nowhere")
    policy = tmp_path / "binary.txt"
    policy.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PrunerError, match="cannot read the policy"):
        read_policy(policy)


@pytest.mark.parametrize(
    ("told", "freed", "near"),
    [
        ("100", 100_000_000, True),
        ("100", 124_000_000, True),
        ("100", 126_000_000, False),
        ("100", 74_000_000, False),
        ("0.0", 240_000, True),
        ("0.0", 260_000, False),
        ("-", 10**12, True),
    ],
)
def test_a_size_is_true_within_a_quarter(tmp_path: Path, told: str, freed: int, near: bool) -> None:
    (row,) = read_policy(write(tmp_path, f"delete all {told} x y\n"))
    assert row.is_near(freed) is near


@pytest.mark.parametrize("policy", OURS, ids=lambda path: "/".join(path.parts[-3:]))
def test_our_rows_give_a_reason_and_a_size_once(policy: Path) -> None:
    rows = read_policy(policy)
    for family in Family:
        said = [(row.action, row.pattern) for row in rows if family in row.families]
        assert len(said) == len(set(said))
    for row in rows:
        assert row.reason.strip(), row
        assert row.action is Action.KEEP or row.megabytes is not None or row.families == {Family.ROCM}, row


def test_the_policies_are_found() -> None:
    assert len(OURS) >= 6
