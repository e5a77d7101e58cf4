"""What pip's failures look like to a person: the real pip, dead ports and wheels that lie."""

import os
import sys
from pathlib import Path

import pytest

from builder import pip
from builder.errors import GfxpackError, SourceError
from tests.fakes.wheels import make_wheel

PYTHON = Path(sys.executable)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "driver.txt"


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "installed"))


def _fails(lock: Path, name: str, digest: str = "0" * 64) -> GfxpackError:
    lock.write_text(f"{name}==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    with pytest.raises(GfxpackError) as error:
        pip.install(PYTHON, lock, lambda _: None)
    return error.value


def test_installs_and_says_what_it_fetches(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = make_wheel(tmp_path / "wheels", "needed")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    lock.write_text(f"needed==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    heard: list[str] = []
    pip.install(PYTHON, lock, heard.append)
    assert heard == ["needed"]
    assert (tmp_path / "installed" / "needed.py").exists()


def test_an_index_that_does_not_answer(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@127.0.0.1:1/simple?token=x")
    error = _fails(lock, "needed")
    assert error.message == "the package index does not answer: Connection refused"
    assert "index in force: index-url = https://127.0.0.1:1/simple;" in (error.hint or "")
    assert "secret" not in str(vars(error))
    assert "token" not in str(vars(error))


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:99999/simple", "http://[::1/simple", "http://me:hun/ter2@127.0.0.1/simple"],
)
def test_an_address_that_is_none(address: str, lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", address)
    error = _fails(lock, "needed")
    assert error.message == "the address of the package index is no valid URL"
    assert "index in force: index-url = http://" in (error.hint or "")
    assert "hun" not in str(vars(error))
    assert "ter2" not in str(vars(error))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://h.example:8443/simple", "https://h.example:8443/simple"),
        ("'https://me:p@ss@h.example/simple'", "https://h.example/simple"),
        ("https://me:s3/cret@h.example/simple?token=x#y", "https://h.example/simple"),
        ("/srv/simple", "/srv/simple"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_is_private(address: str, shown: str) -> None:
    assert pip.without_credentials(address) == shown


def test_a_file_whose_hash_differs(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "wheels", "needed")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    error = _fails(lock, "needed")
    assert error.message == "needed==1.0 is not the file that locks/driver.txt has the hash of"
    assert not (tmp_path / "installed" / "needed.py").exists()


def test_a_package_that_the_index_lacks(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    error = _fails(lock, "needed")
    assert isinstance(error, SourceError)
    assert error.message == "the package index has no needed==1.0 for this Python"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
            "no disk space is left",
        ),
        (
            [
                "WARNING: Retrying (Retry(total=1)) after connection broken by "
                "'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
                "failed: unable to get local issuer certificate'))': /simple/x/",
                "ERROR: No matching distribution found for x==1",
            ],
            "the package index does not answer: certificate verify failed",
        ),
        (
            [
                "WARNING: The repository located at i.example is not a trusted or secure host and is being "
                "ignored.",
                "ERROR: No matching distribution found for x==1",
            ],
            "pip ignores the package index at i.example",
        ),
        (
            [
                "ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'",
                "Consider using the `--user` option or check the permissions.",
            ],
            "the driver's environment cannot be written: permission denied",
        ),
        (["Collecting x", "ERROR: something new"], "pip could not install locks/driver.txt"),
        ([], "pip could not install locks/driver.txt"),
    ],
)
def test_other_failures(lines: list[str], message: str) -> None:
    assert pip.explain(lines, "driver", "index in force: none").message.startswith(message)


def test_the_index_in_force_is_the_one_that_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert pip.index_in_force(PYTHON) == "index in force: pip's default, no index-url is set"
    configuration = tmp_path / "pip.conf"
    configuration.write_text("[global]\nindex-url = https://a:b@one.example/simple\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    assert "one.example/simple" in pip.index_in_force(PYTHON)
    assert "a:b" not in pip.index_in_force(PYTHON)
    monkeypatch.setenv("PIP_INDEX_URL", "https://two.example/simple")
    assert "two.example" in pip.index_in_force(PYTHON)
