"""`python -m runner` as a container starts it, with a program of ours in the engine's place."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., subprocess.Popen[str]]
WAIT_SECONDS = 20


@pytest.fixture
def fake_infinity(tmp_path: Path) -> str:
    """A PATH on which `infinity_emb` prints its arguments and fails."""
    program = tmp_path / "bin/infinity_emb"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\nexit 5\n')
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    return str(tmp_path / "model")


def test_flags_of_the_image_and_arguments_meet(start: Start, fake_infinity: str, model: str) -> None:
    process = start(
        "-m", "runner", "infinity", "--port=1", "--", f"--model-id={model}", "--x", PATH=fake_infinity
    )
    out, _ = process.communicate(timeout=WAIT_SECONDS)
    assert out.strip() == f"v2 --port=1 --model-id={model} --x"
    assert process.returncode == 5


def test_a_refusal_is_one_line_and_starts_nothing(start: Start, fake_infinity: str) -> None:
    process = start("-m", "runner", "infinity", "--", "--model-id=/no/such/model", PATH=fake_infinity)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, out) == (78, "")
    assert err.startswith("error: model folder /no/such/model does not exist")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["infinity"], ["ollama", "--"], ["--"]])
def test_a_wrong_call_shows_the_usage(start: Start, arguments: list[str]) -> None:
    process = start("-m", "runner", *arguments)
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 64
    assert err.startswith("usage: runner vllm|infinity")
