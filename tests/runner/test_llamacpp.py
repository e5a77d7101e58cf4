"""llama-server under the runner: what is refused before it starts, and what it gets."""

from pathlib import Path

import pytest

from runner import engines, preflight
from runner.engines import ENGINES, Invocation
from runner.preflight import RefusedError

ENGINE = ENGINES["llamacpp"]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "models/tiny/tiny.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF\3\0\0\0")
    monkeypatch.setattr(preflight, "MODELS", tmp_path / "models")
    return file


def start(*given: str, **environment: str) -> Invocation:
    return Invocation(fixed=("--port", "8080", "--parallel", "4"), given=given, environment=environment)


def refusal(invocation: Invocation) -> str:
    with pytest.raises(RefusedError) as caught:
        ENGINE.check(invocation)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_person_s_flags_come_last() -> None:
    assert ENGINE.command(start("--parallel", "8")) == [
        "llama-server", "--port", "8080", "--parallel", "4", "--parallel", "8",
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("--model", "{}"), ("-m", "{}"), ("--model={}",)])
def test_a_model_may_be_given_in_every_way(weights: Path, words: tuple[str, ...]) -> None:
    ENGINE.check(start(*(word.format(weights) for word in words)))


def test_a_model_may_be_given_by_the_environment(weights: Path) -> None:
    ENGINE.check(start(LLAMA_ARG_MODEL=str(weights)))


@pytest.mark.parametrize("option", ["--models-dir", "-hf", "--hf-repo", "--model-url"])
def test_a_server_that_finds_its_models_itself_needs_none(option: str) -> None:
    ENGINE.check(start(option, "anything"))


def test_without_a_model_those_that_are_there_are_offered(weights: Path) -> None:
    assert refusal(start()) == f"no model given: add --model and its file, one of: {weights}"


def test_a_file_that_is_not_there(weights: Path) -> None:
    text = refusal(start("--model", f"{weights}.old"))
    assert text.startswith(f"model {weights}.old cannot be read (No such file or directory)")
    assert text.endswith(str(weights))


def test_a_folder_is_no_model(weights: Path) -> None:
    assert f"model {weights.parent} is a folder" in refusal(start("-m", str(weights.parent)))


def test_a_file_of_another_kind(weights: Path) -> None:
    weights.write_bytes(b"{}")
    assert f"model {weights} is no GGUF file" in refusal(start("-m", str(weights)))


def test_under_a_quota_it_has_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "cpu_quota", lambda: 3)
    assert ENGINE.environment(start())["LLAMA_ARG_THREADS"] == "3"
    assert ENGINE.environment(start(LLAMA_ARG_THREADS="1"))["LLAMA_ARG_THREADS"] == "1"


def test_without_a_quota_it_chooses_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "cpu_quota", lambda: None)
    assert ENGINE.environment(start()) == {}
