"""A hub's model: which names get through, and what of this machine's settings goes along."""

import stat
from pathlib import Path

import pytest

from builder import paths
from builder.errors import UsageError
from builder.render import HubModel, StackOptions, read_inputs, render
from builder.stack.hub import hub_model
from builder.targets import load_catalog


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
        hub_model(name, "test", {}, None)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    return tmp_path


def settings(model: HubModel) -> dict[str, str]:
    """What the engine gets to see, as Compose reads an env file: single quotes are literal."""
    assert model.environment is not None
    lines = model.environment.read_text(encoding="utf-8").splitlines()
    return {key: value[1:-1] for key, _, value in (line.partition("=") for line in lines)}


@pytest.mark.usefixtures("cache")
def test_the_way_to_the_hub_goes_along_and_nothing_else_of_the_environment() -> None:
    environ = {"HF_ENDPOINT": "https://mirror.example", "HTTPS_PROXY": "", "AWS_SECRET": "x"}
    model = hub_model("Qwen/Qwen3-0.6B", "test", environ, None)
    assert settings(model) == {"HF_ENDPOINT": "https://mirror.example"}
    assert model.files == {}


@pytest.mark.usefixtures("cache")
def test_a_certificate_is_a_file_that_every_library_is_told_of(tmp_path: Path) -> None:
    model = hub_model("org/name", "test", {}, tmp_path / "ca.pem")
    assert model.files == {"ca": tmp_path / "ca.pem"}
    assert set(settings(model)) == {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    assert set(settings(model).values()) == {"/run/secrets/ca"}


def test_a_token_is_a_file_and_never_a_variable(cache: Path) -> None:
    model = hub_model("org/name", "test", {"HF_TOKEN": "hf_canary"}, None)
    assert "hf_canary" not in str(settings(model))
    file = model.files["hf_token"]
    assert file.read_text() == "hf_canary"
    assert stat.S_IMODE((cache / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize("token", ["hf_\u00e4", "hf_a b", "hf_a\nX=1", "hf_\x00"])
def test_a_token_that_is_none_leaves_the_one_that_was_there(cache: Path, token: str) -> None:
    hub_model("org/name", "test", {"HF_TOKEN": "hf_good"}, None)
    with pytest.raises(UsageError, match="HF_TOKEN holds characters"):
        hub_model("org/name", "test", {"HF_TOKEN": token}, None)
    assert (cache / "secrets" / "test" / "hf_token").read_text() == "hf_good"


@pytest.mark.usefixtures("cache")
def test_a_password_reaches_the_engine_as_it_is_and_not_by_way_of_the_bundle() -> None:
    model = hub_model("org/name", "test", {"HTTPS_PROXY": "http://u:pa$$w#o'rd@proxy:3128"}, None)
    assert settings(model) == {"HTTPS_PROXY": "http://u:pa$$w#o%27rd@proxy:3128"}
    catalog = load_catalog(paths.TARGETS)
    bundle = render(catalog, "cpu", read_inputs(paths.ROOT, catalog), StackOptions(model=model))
    assert b"pa$" not in bundle.files["compose.yaml"]
