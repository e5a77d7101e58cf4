"""Whatever happens on the way, a library is the one it was or a whole new one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pruner.replace import LEFTOVER
from tests.pruner.elf.interrupted import MISHAPS
from tests.pruner.elves import Elf, hip
from tests.pruner.fatbins import ccob, codes, hip_bundle
from tests.pruner.judging import faults
from tests.pruner.linking import build

ROOT = Path(__file__).parents[3]
BUNDLE = hip_bundle(codes(300_000, "gfx906", "gfx1030", "gfx1100"))
LIBRARY = build(Elf((hip(BUNDLE, ccob(BUNDLE)),), debug=5000)).data
KILLED = -9


def prune(path: Path, event: str, mishap: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.pruner.elf.interrupted", str(path), event, mishap]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.so"
    path.write_bytes(LIBRARY)
    return path


@pytest.mark.parametrize("event", ["tempfile.mkstemp", "os.chmod"])
@pytest.mark.parametrize("change", ["overwritten", "cut", "longer", "replaced", "gone"])
def test_what_somebody_wrote_meanwhile_stays(event: str, change: str, library: Path, tmp_path: Path) -> None:
    expected = tmp_path / "expected"
    expected.write_bytes(LIBRARY)
    MISHAPS[change](expected)
    done = prune(library, event, change)
    assert not done.stderr
    assert json.loads(done.stdout)[0] in {"refused", "failed"}
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    wanted = {"library.so": left.get("expected", b""), "expected": left.get("expected", b"")}
    assert left == ({} if change == "gone" else wanted)


@pytest.mark.parametrize("event", ["tempfile.mkstemp", "os.truncate", "os.chmod", "os.rename"])
def test_a_kill_leaves_the_library_whole(event: str, library: Path, tmp_path: Path) -> None:
    assert prune(library, event, "killed").returncode == KILLED
    assert library.read_bytes() == LIBRARY
    others = [path.name for path in tmp_path.iterdir() if path != library]
    assert all(name.endswith(LEFTOVER) for name in others)
    assert len(others) == (event != "tempfile.mkstemp")


@pytest.mark.parametrize(("event", "where"), [("start", ", among temporary files"), ("os.truncate", "")])
def test_a_full_disk_is_said_and_leaves_nothing(
    event: str, where: str, library: Path, tmp_path: Path
) -> None:
    outcome, reason = json.loads(prune(library, event, "disk full").stdout)
    assert outcome == "failed"
    assert reason.partition(" in ")[0] == f"File too large{where}"
    assert library.read_bytes() == LIBRARY
    assert list(tmp_path.iterdir()) == [library]


@pytest.mark.parametrize("event", ["start", "os.truncate"])
@pytest.mark.parametrize("mishap", ["no memory", "little memory", "some memory"])
def test_little_memory_is_enough_or_said(event: str, mishap: str, library: Path, tmp_path: Path) -> None:
    done = prune(library, event, mishap)
    assert not done.stderr
    outcome, reason = json.loads(done.stdout)
    assert list(tmp_path.iterdir()) == [library]
    if outcome == "pruned":
        assert faults(LIBRARY, library.read_bytes(), frozenset({"gfx1100"})) == []
    else:
        assert (outcome, reason) == ("failed", "there is not enough memory")
        assert library.read_bytes() == LIBRARY
