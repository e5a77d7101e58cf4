"""The policy that makes a layer small: it takes what it names, only that, and leaves RECORD files true."""

import base64
import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.paths import IMAGES

SLIM = IMAGES / "_shared/slim.py"
ELF = b"\x7fELF" + b"code" * 100
SITE = "opt/venv/lib/python3.11/site-packages"
FAKE_STRIP = """#!/bin/sh
# Cuts a file short, as the real one does; says no word about what is in it.
test "$1" = --strip-unneeded && head -c "${KEEP:-100}" "$2" > "$2.new" && cat "$2.new" > "$2" && rm "$2.new"
"""


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer with one distribution, its RECORD true."""
    site = tmp_path / "layer" / SITE
    contents = {
        "pkg/__init__.py": b"x = 1\n",
        "pkg/tests/test_x.py": b"assert True\n",
        "pkg/include/x.h": b"int x;\n",
        "pkg/_c.so": ELF,
        "pkg/_d.so": ELF + b"other",
        "pkg/bin/needed": ELF,
        "pkg/bin/other": ELF,
        "../../libx.a": b"!<arch>\n",
    }
    rows = [[name, *written(site / name, content)] for name, content in contents.items()]
    rows.append(["pkg-1.dist-info/RECORD", "", ""])
    record = site / "pkg-1.dist-info/RECORD"
    record.parent.mkdir(parents=True)
    with record.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return tmp_path / "layer"


def written(path: Path, content: bytes) -> tuple[str, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return recorded_hash(content), str(len(content))


def recorded_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def slim(layer: Path, policy: str, *, keep: int = 100) -> subprocess.CompletedProcess[str]:
    file = layer.parent / "policy.txt"
    file.write_text(policy)
    tools = layer.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "strip").write_text(FAKE_STRIP)
    (tools / "strip").chmod(0o755)
    return subprocess.run(
        [sys.executable, str(SLIM), str(layer), str(file)],
        env={"PATH": f"{tools}:{os.environ['PATH']}", "KEEP": str(keep)},
        capture_output=True,
        text=True,
        check=False,
    )


def record(layer: Path) -> dict[str, list[str]]:
    with (layer / SITE / "pkg-1.dist-info/RECORD").open(newline="") as file:
        return {row[0]: row[1:] for row in csv.reader(file)}


def assert_record_is_true(layer: Path) -> None:
    for name, (digest, size) in record(layer).items():
        path = layer / SITE / name
        assert path.exists(), name
        if digest:
            assert (digest, int(size)) == (recorded_hash(path.read_bytes()), path.stat().st_size), name


def contents(layer: Path) -> dict[str, bytes]:
    return {str(path.relative_to(layer)): path.read_bytes() for path in layer.rglob("*") if path.is_file()}


def test_an_empty_policy_changes_nothing(layer: Path) -> None:
    before = contents(layer)
    assert slim(layer, "# nothing\n\n").returncode == 0
    assert contents(layer) == before


def test_files_and_folders_go_with_their_rows(layer: Path) -> None:
    done = slim(
        layer, "delete pkg/**/tests a reason\ndelete pkg/include/* no compiler\ndelete /lib/*.a static\n"
    )
    assert done.returncode == 0, done.stderr
    assert not (layer / SITE / "pkg/tests").exists()
    assert not (layer / SITE / "pkg/include").exists(), "an empty folder stays behind"
    assert not (layer / "opt/venv/lib/libx.a").exists()
    assert set(record(layer)) == {
        "pkg/__init__.py",
        "pkg/_c.so",
        "pkg/_d.so",
        "pkg/bin/needed",
        "pkg/bin/other",
        "pkg-1.dist-info/RECORD",
    }
    assert_record_is_true(layer)


def test_bytes_and_reasons_are_shown(layer: Path) -> None:
    done = slim(layer, "delete pkg/include headers; no compiler\n")
    assert "delete             7  pkg/include  (headers; no compiler)" in done.stdout


def test_keep_shields_from_the_rows_below_it(layer: Path) -> None:
    assert slim(layer, "keep pkg/bin/needed because\ndelete pkg/bin/* tests\n").returncode == 0
    assert (layer / SITE / "pkg/bin/needed").exists()
    assert not (layer / SITE / "pkg/bin/other").exists()


def test_only_what_is_named_is_stripped(layer: Path) -> None:
    before = contents(layer)
    assert slim(layer, "strip pkg/_c.so symbols\n").returncode == 0
    after = contents(layer)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"{SITE}/pkg/_c.so", f"{SITE}/pkg-1.dist-info/RECORD"}
    assert_record_is_true(layer)


def test_stripping_keeps_the_mode(layer: Path) -> None:
    (layer / SITE / "pkg/_c.so").chmod(0o755)
    slim(layer, "strip pkg/_c.so symbols\n")
    assert (layer / SITE / "pkg/_c.so").stat().st_mode & 0o777 == 0o755


def test_a_link_goes_and_its_target_stays(layer: Path) -> None:
    (layer / SITE / "pkg/link").symlink_to("bin")
    assert slim(layer, "delete pkg/link a link\n").returncode == 0
    assert not (layer / SITE / "pkg/link").is_symlink()
    assert (layer / SITE / "pkg/bin/needed").exists()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("\ndelete pkg/nothing gone upstream\n", "policy.txt:2: nothing matches 'pkg/nothing'"),
        ("keep pkg/nothing gone upstream\n", "nothing matches 'pkg/nothing'"),
        ("strip pkg/*.o gone upstream\n", "nothing matches 'pkg/*.o'"),
        (
            "delete pkg/tests\n",
            "policy.txt:1: want 'keep|delete|strip PATTERN REASON', got 'delete pkg/tests'",
        ),
        ("remove pkg/tests tests\n", "got 'remove pkg/tests tests'"),
        ("strip pkg/__init__.py symbols\n", "is no ELF file"),
        ("delete pkg/tests tests\ndelete pkg/tests again\n", "policy.txt:2: nothing matches"),
    ],
)
def test_a_policy_that_is_not_true_is_refused(layer: Path, policy: str, said: str) -> None:
    done = slim(layer, policy)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_with_nothing_to_strip_is_refused(layer: Path) -> None:
    done = slim(layer, "strip pkg/_c.so symbols\n", keep=10**6)
    assert done.returncode == 1
    assert "nothing to strip" in done.stderr


def test_usage() -> None:
    done = subprocess.run([sys.executable, str(SLIM)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: slim.py LAYER POLICY")


@pytest.mark.parametrize("policy", sorted(IMAGES.glob("*/slim/*.txt")), ids=str)
def test_every_row_of_our_policies_gives_a_reason(policy: Path) -> None:
    rows = [line for line in policy.read_text().splitlines() if line and not line.startswith("#")]
    assert all(len(row.split(None, 2)) == 3 for row in rows)
    assert len({row.split(None, 2)[1] for row in rows}) == len(rows)
