"""Verbs that become another program: which tests are taken, and that a skipped one does not pass unseen;
what the proxy is given."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.gateway import given
from builder.paths import ROOT
from builder.testing import pytest_arguments

_TESTS = """
import pytest

def test_that_passes():
    pass

@pytest.mark.skip(reason="no such machine")
def test_that_is_skipped():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_that_fails_as_known():
    raise AssertionError

@pytest.mark.skipif(True, reason="never in setup")
class TestSkipped:
    def test_inside(self):
        pass
"""


def _pytest(folder: Path, text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A pytest run of its own, with the project's conftest as a plugin."""
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").touch()
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-ra", "--color=no", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_fails_where_skips_fail(tmp_path: Path) -> None:
    done = _pytest(tmp_path, _TESTS, "--fail-skips")
    assert "1 passed, 1 xfailed, 2 errors" in done.stdout.splitlines()[-1]
    assert "no such machine" in done.stdout
    assert done.returncode == 1


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    done = _pytest(tmp_path, _TESTS)
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout.splitlines()[-1]
    assert done.returncode == 0


def test_a_module_that_skips_itself_fails_too(tmp_path: Path) -> None:
    text = "import pytest\npytest.importorskip('no_such_module')\n"
    assert _pytest(tmp_path, text).returncode == 5
    done = _pytest(tmp_path, text, "--fail-skips")
    assert "no_such_module" in done.stdout
    assert done.returncode not in (0, 5)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (
            {"quick": True},
            [
                "--fail-skips",
                "-m",
                "not engine and not stack and not clients and not long",
                "--numprocesses=auto",
                "--dist=loadfile",
            ],
        ),
        (
            {"quick": True, "long": True},
            [
                "--fail-skips",
                "-m",
                "not engine and not stack and not clients",
                "--numprocesses=auto",
                "--dist=loadfile",
            ],
        ),
        ({}, ["--fail-skips", "-m", "not long"]),
        ({"long": True}, ["--fail-skips", "-m", ""]),
        ({"rest": ["-x", "tests/proxy"]}, ["--fail-skips", "-m", "not long", "-x", "tests/proxy"]),
    ],
)
def test_marks_decide(flags: dict[str, object], expected: list[str]) -> None:
    given: dict[str, object] = {"quick": False, "long": False, "rest": []}
    assert pytest_arguments(argparse.Namespace(**{**given, **flags})) == expected


def test_ci_runs_the_command_that_the_readme_names() -> None:
    command = (
        (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip().splitlines()[-1].removeprefix("exec ")
    )
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (["--listen", "a:1", "--engine=b"], ["--listen", "a:1", "--engine=b"]),
        (["--", "--help"], ["--help"]),
        ([], []),
    ],
)
def test_the_proxy_gets_what_the_verb_does_not_take(rest: list[str], expected: list[str]) -> None:
    assert given(rest) == expected
