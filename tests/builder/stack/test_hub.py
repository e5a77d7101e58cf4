"""A hub's model: which names get through, and what of this machine's settings goes along."""

import stat
from pathlib import Path

import pytest

from builder import paths
from builder.errors import UsageError
from builder.stack.hub import hub_model


@pytest.mark.parametrize(
    "name",
    [
        "",
        "model",
        "a/b/c",
        "../../etc",
        "org/",
        "/name",
        "org/na me",
        "org/name\n--x",
        "--flag/x",
        "org/-x",
        "Ünï/x",
    ],
)
def test_what_is_no_name_never_becomes_an_argument(name: str) -> None:
    with pytest.raises(UsageError, match="is no model of a hub"):
        hub_model(name, {}, None)


def test_the_way_to_the_hub_goes_along_and_nothing_else_of_the_environment() -> None:
    environ = {"HF_ENDPOINT": "https://mirror.example", "HTTPS_PROXY": "", "AWS_SECRET": "x"}
    model = hub_model("Qwen/Qwen3-0.6B", environ, None)
    assert model.environment == {"HF_ENDPOINT": "https://mirror.example"}
    assert model.files == {}


def test_a_certificate_is_a_file_that_every_library_is_told_of(tmp_path: Path) -> None:
    model = hub_model("org/name", {}, tmp_path / "ca.pem")
    assert model.files == {"ca": tmp_path / "ca.pem"}
    assert set(model.environment) == {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    assert set(model.environment.values()) == {"/run/secrets/ca"}


def test_a_token_is_a_file_and_never_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    model = hub_model("org/name", {"HF_TOKEN": "hf_canary"}, None)
    assert "hf_canary" not in str(model.environment)
    file = model.files["hf_token"]
    assert file.read_text() == "hf_canary"
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
