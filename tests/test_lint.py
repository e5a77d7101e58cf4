"""The linters as tests, so that one summary says whether all is well."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.bundle import render_target
from builder.paths import IMAGES, ROOT, TARGETS
from builder.render import StackOptions
from builder.targets import Choice, load_catalog


def _lint(program: str, *arguments: str | Path) -> None:
    command: Sequence[str | Path] = (Path(sys.executable).with_name(program), *arguments)
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)


def test_ruff_finds_nothing() -> None:
    _lint("ruff", "check", "--quiet", ".")


def test_code_is_formatted() -> None:
    _lint("ruff", "format", "--check", "--quiet", ".")


def test_types_hold() -> None:
    _lint("python", "-m", "mypy", "--no-error-summary")


OTHERWISE = (
    Choice("sm_90", route="source"),
    Choice("gfx1151", route="source"),
    Choice("sm_90", extras=("jit", "multimodal")),
    Choice("gfx1151", extras=("multimodal",)),
)


@pytest.mark.parametrize("choice", [*map(Choice, load_catalog(TARGETS).targets), *OTHERWISE], ids=str)
def test_rendered_dockerfiles_are_clean(choice: Choice, tmp_path: Path) -> None:
    bundle = render_target(choice, StackOptions())
    dockerfiles = []
    for name, content in bundle.files.items():
        if Path(name).name == "Dockerfile":
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            dockerfiles.append(path)
    assert dockerfiles
    _lint("hadolint", "--no-color", *dockerfiles)


def test_plain_dockerfiles_are_clean() -> None:
    _lint("hadolint", "--no-color", *sorted(IMAGES.glob("*/Dockerfile")))
