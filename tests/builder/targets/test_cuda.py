"""`--target cuda`, with a driver's tool that says what a test wants."""

from pathlib import Path

import pytest

from builder import paths
from builder.errors import UsageError
from builder.targets import load_catalog
from builder.targets.cuda import own_target

CATALOG = load_catalog(paths.TARGETS)
LIST = ", ".join(name for name, target in CATALOG.targets.items() if target.vendor == "nvidia")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def driver(path: Path, says: str, status: int = 0) -> None:
    """A tool that answers the one question it is to be asked."""
    tool = path / "nvidia-smi"
    text = f"""#!/bin/sh
[ "$*" = "--query-gpu=compute_cap --format=csv,noheader" ] || exit 64
printf '{says}'
exit {status}
"""
    tool.write_text(text, encoding="utf-8")
    tool.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "target"),
    [("9.0\\n", "sm_90"), ("8.6\\n8.6\\n", "sm_86"), ("12.0\\n", "sm_120"), (" 7.5 \\n", "sm_75")],
)
def test_the_gpus_own_target(path: Path, says: str, target: str) -> None:
    driver(path, says)
    assert own_target(CATALOG) == target


@pytest.mark.parametrize(
    ("says", "status", "expected"),
    [
        ("8.6\\n9.0\\n", 0, "this machine has GPUs of several kinds: sm_86, sm_90"),
        ("5.2\\n", 0, "there is no target for this machine's GPU, sm_52"),
        ("12.1\\n", 0, f"there is no target for this machine's GPU, sm_121: {CATALOG.unserved['sm_121']}"),
        ("", 0, "nvidia-smi names no GPU: it says nothing"),
        ("No devices were found\\n", 6, "nvidia-smi names no GPU: No devices were found"),
        ("[N/A]\\n", 0, "nvidia-smi names no GPU: [N/A]"),
    ],
)
def test_a_gpu_that_is_no_target_gets_the_list(path: Path, says: str, status: int, expected: str) -> None:
    driver(path, says, status)
    with pytest.raises(UsageError) as caught:
        own_target(CATALOG)
    assert caught.value.message == expected
    assert caught.value.hint == f"name one with --target: {LIST}"


def test_a_machine_without_nvidias_driver_gets_the_list(path: Path) -> None:
    assert not list(path.iterdir())
    with pytest.raises(UsageError) as caught:
        own_target(CATALOG)
    assert caught.value.message == "cuda means this machine's GPU, and there is no nvidia-smi to ask about it"
    assert caught.value.hint == f"name one with --target: {LIST}"


def test_a_tool_that_cannot_be_run_is_one_line(path: Path) -> None:
    (path / "nvidia-smi").write_bytes(b"\x7fELF no program")
    (path / "nvidia-smi").chmod(0o755)
    with pytest.raises(UsageError, match="nvidia-smi does not answer: ") as caught:
        own_target(CATALOG)
    assert "\n" not in caught.value.message
