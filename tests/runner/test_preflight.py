"""Starts that cannot work are refused in one line that names the value and the mend."""

import os
from pathlib import Path

import pytest

from runner import preflight
from runner.preflight import GIB, RefusedError, check_kv_cache, check_model, check_shared_memory

OFFLINE = {"HF_HUB_OFFLINE": "1"}


def refusal(check: object, *arguments: object) -> str:
    assert callable(check)
    with pytest.raises(RefusedError) as caught:
        check(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny/config.json").write_text("{}")
    monkeypatch.setattr(preflight, "MODELS", folder)
    return folder


def test_too_little_shared_memory_says_how_to_get_more(tmp_path: Path) -> None:
    text = refusal(check_shared_memory, 10**18, tmp_path)
    assert "--shm-size 256m" in text
    assert str(10**18 // 1024**2) in text


def test_enough_shared_memory_passes(tmp_path: Path) -> None:
    check_shared_memory(1, tmp_path)


def test_no_model_lists_those_there(models: Path) -> None:
    assert str(models / "tiny") in refusal(check_model, None, {})


def test_a_folder_that_is_not_there(models: Path) -> None:
    text = refusal(check_model, str(models / "tinny"), {})
    assert "does not exist" in text
    assert str(models / "tiny") in text


def test_no_models_at_all(models: Path) -> None:
    (models / "tiny/config.json").unlink()
    assert f"none yet below {models}" in refusal(check_model, str(models / "tiny"), {})


def test_a_file_in_place_of_a_folder(models: Path) -> None:
    assert "is a file" in refusal(check_model, str(models / "tiny/config.json"), {})


def test_a_model_that_may_not_be_read(models: Path) -> None:
    (models / "tiny").chmod(0)
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(12345)
        try:
            check_model(str(models / "tiny"), {})
        except RefusedError as error:
            os._exit(0 if f"uid {os.getuid()}" in str(error) else 1)
        os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    (models / "tiny").chmod(0o755)
    assert code == 0


def test_a_hub_model_while_the_hub_is_off(models: Path) -> None:
    text = refusal(check_model, "org/name", OFFLINE)
    assert "HF_HUB_OFFLINE=0" in text
    assert str(models / "tiny") in text


@pytest.mark.parametrize("environment", [{}, {"HF_HUB_OFFLINE": "0"}, {"HF_HUB_OFFLINE": ""}])
def test_a_hub_model_while_the_hub_is_on(environment: dict[str, str]) -> None:
    check_model("org/name", environment)


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "HOME"])
def test_a_hub_model_that_was_fetched_before(tmp_path: Path, variable: str) -> None:
    below = {"HF_HOME": "hub", "HF_HUB_CACHE": ".", "HOME": ".cache/huggingface/hub"}[variable]
    (tmp_path / below / "models--org--name").mkdir(parents=True)
    check_model("org/name", {**OFFLINE, variable: str(tmp_path)})


def test_a_folder_by_a_relative_name(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models)
    check_model("tiny", OFFLINE)


@pytest.mark.parametrize("space", ["0", "", "-1", "1.5", "two"])
def test_a_cache_size_that_is_no_whole_number(space: str) -> None:
    assert repr(space) in refusal(check_kv_cache, None, space)


def test_cache_and_weights_must_fit(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (models / "tiny/model.safetensors").open("wb") as weights:
        weights.truncate(2 * GIB)
    monkeypatch.setattr(preflight, "memory_limit", lambda: 3 * GIB)
    check_kv_cache(str(models / "tiny"), "1")
    text = refusal(check_kv_cache, str(models / "tiny"), "2")
    assert "2 GiB of KV cache and 2.0 GiB of weights" in text
    assert "3.0 GiB" in text
