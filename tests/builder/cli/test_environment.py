"""The driver's own environment, made by the real build.py in a small checkout of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from builder.paths import ROOT
from tests.fakes.wheels import make_wheel

_PARTS = ("__init__", "cli", "console", "environment", "errors", "files", "paths", "pip", "venv_package")
_DEADLINE_SECONDS = 60
PYTHON = os.path.realpath(sys.executable)

_TELLING_CLI = """
import os, sys

def main(argv):
    print(os.getpid(), sys.prefix, *argv, sep="|")
    return 7
"""


class Checkout:
    """build.py and what it needs, in a folder with a space in its name, with wheels on disk as the index."""

    def __init__(self, root: Path) -> None:
        self.root = root / "a checkout"
        self.wheels = root / "wheels"
        self.locks = self.root / "locks"
        self.venv = self.root / ".venv"
        (self.root / "builder").mkdir(parents=True)
        self.locks.mkdir()
        for part in _PARTS:
            shutil.copy(ROOT / "builder" / f"{part}.py", self.root / "builder")
        for name in ("build.py", "pyproject.toml"):
            shutil.copy(ROOT / name, self.root)
        self.lock("driver", "needed")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))},
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        }

    def lock(self, group: str, name: str, version: str = "1.0") -> None:
        digest = make_wheel(self.wheels, name, version)
        text = f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
        (self.locks / f"{group}.txt").write_text(text, encoding="utf-8")

    def start(self, *argv: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [PYTHON, os.fspath(self.root / "build.py"), *argv],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv: str, **environment: str) -> tuple[int, str, str]:
        with self.start(*argv, **environment) as process:
            out, err = process.communicate(timeout=_DEADLINE_SECONDS)
            return process.returncode, out, err

    def inside(self, code: str) -> str:
        done = subprocess.run(
            [os.fspath(self.venv / "bin" / "python"), "-c", code],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    @property
    def left_overs(self) -> list[str]:
        return [path.name for path in (self.root / ".cache").iterdir() if path.name != "venv.lock"]


def _wait_for(checkout: Checkout, pattern: str, process: "subprocess.Popen[str]") -> None:
    while not list(checkout.root.glob(pattern)):
        assert process.poll() is None, "it ended before that"
        time.sleep(0.005)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose environment two first runs made at once; the tests below leave it whole."""
    checkout = Checkout(tmp_path_factory.mktemp("made"))
    with checkout.start("--version") as one, checkout.start("--version") as two:
        outputs = [process.communicate(timeout=_DEADLINE_SECONDS) for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], outputs
    assert [out for out, _ in outputs] == ["gfxpack 0.1.0\n", "gfxpack 0.1.0\n"]
    assert sum("Preparing the driver's environment" in err for _, err in outputs) == 1
    return checkout


class TestMade:
    def test_two_first_runs_make_one_environment(self, made: Checkout) -> None:
        assert made.left_overs == []
        assert made.inside("import needed; print(needed.VERSION)") == "1.0\n"

    def test_a_second_start_says_nothing_of_it(self, made: Checkout) -> None:
        assert made.run("--version") == (0, "gfxpack 0.1.0\n", "")

    def test_the_same_process_goes_on_so_that_signals_reach_it(self, made: Checkout) -> None:
        command_line = made.root / "builder" / "cli.py"
        original = command_line.read_text(encoding="utf-8")
        command_line.write_text(_TELLING_CLI, encoding="utf-8")
        try:
            with made.start("a b", "--c") as process:
                out, _ = process.communicate(timeout=_DEADLINE_SECONDS)
        finally:
            command_line.write_text(original, encoding="utf-8")
        assert (process.returncode, out) == (7, f"{process.pid}|{made.venv}|a b|--c\n")

    def test_scripts_name_the_place_where_the_environment_lies(self, made: Checkout) -> None:
        done = subprocess.run(
            [made.venv / "bin" / "needed-tool"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        texts = [path.read_bytes() for path in (made.venv / "bin").iterdir() if not path.is_symlink()]
        assert not any(b".cache" in text for text in texts)

    def test_a_group_goes_in_when_it_is_first_asked_for(self, made: Checkout) -> None:
        made.lock("extra", "wanted")
        ensure = (
            "import sys\n"
            "from builder.console import Console\n"
            "from builder.environment import ensure_group\n"
            "ensure_group('extra', Console.for_stream(sys.stdout))\n"
            "import wanted; print(wanted.VERSION)\n"
        )
        assert made.inside(ensure).startswith("==> Installing")
        assert made.inside(ensure) == "1.0\n"
        made.lock("extra", "wanted", "2.0")
        assert made.inside(ensure).endswith("2.0\n")

    def test_a_group_that_was_cut_off_makes_the_environment_anew(self, made: Checkout) -> None:
        made.lock("extra", "wanted", "3.0")
        (made.venv / "gfxpack-under-way").touch()
        (made.venv / "half-installed").touch()
        ensure = (
            "import sys\n"
            "from builder.console import Console\n"
            "from builder.environment import ensure_group\n"
            "ensure_group('extra', Console.for_stream(sys.stdout))\n"
        )
        assert "Preparing the driver's environment" in made.inside(ensure)
        assert not (made.venv / "half-installed").exists()
        assert made.inside("import needed, wanted; print(wanted.VERSION)") == "3.0\n"
        assert made.left_overs == []

    def test_a_changed_lock_makes_it_anew_though_a_run_is_killed_over_it(self, made: Checkout) -> None:
        made.lock("driver", "needed", "2.0")
        with made.start("--version") as process:
            _wait_for(made, ".cache/venv-*/new/bin/python", process)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        assert made.left_overs
        assert made.inside("import needed; print(needed.VERSION)") == "1.0\n"
        code, out, err = made.run("--version")
        assert (code, out) == (0, "gfxpack 0.1.0\n")
        assert "Preparing the driver's environment" in err
        assert made.inside("import needed; print(needed.VERSION)") == "2.0\n"
        assert made.left_overs == []


def test_ctrl_c_in_the_first_run_leaves_nothing(checkout: Checkout) -> None:
    with checkout.start("--version") as process:
        _wait_for(checkout, ".cache/venv-*/new", process)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=_DEADLINE_SECONDS)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert not checkout.venv.exists()
    assert checkout.left_overs == []


def test_somebody_elses_environment_is_not_touched(checkout: Checkout) -> None:
    checkout.venv.mkdir()
    (checkout.venv / "precious").touch()
    code, out, err = checkout.run("--version")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {checkout.venv} was not made by this driver\nhint:")
    assert (checkout.venv / "precious").exists()


def test_a_missing_lock_is_one_line(checkout: Checkout) -> None:
    (checkout.locks / "driver.txt").unlink()
    code, _, err = checkout.run("--version")
    assert code == 1
    assert err.startswith("error: cannot read locks/driver.txt:")
    assert "Traceback" not in err


def test_a_checkout_that_cannot_be_written_to_is_one_line(checkout: Checkout) -> None:
    (checkout.root / ".cache").touch()
    code, _, err = checkout.run("--version")
    assert code == 1
    assert err.startswith(f"error: cannot make the driver's environment at {checkout.venv}")
    assert "\nhint:  the checkout, its .cache and its .venv must be folders" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999/simple", "http://[::1/s"])
def test_an_index_s_address_that_is_none_is_one_line(address: str, checkout: Checkout) -> None:
    del checkout.environment["PIP_NO_INDEX"], checkout.environment["PIP_FIND_LINKS"]
    code, out, err = checkout.run("--version", PIP_INDEX_URL=address)
    assert (code, out) == (1, "")
    assert "error: the address of the package index is no valid URL\nhint:" in err
    assert address in err
    assert "Traceback" not in err
    assert not checkout.venv.exists()


def test_an_old_python_gets_a_sentence() -> None:
    code = (
        "import runpy, sys\n"
        "sys.version_info, sys.version = (3, 10, 13, 'final', 0), '3.10.13 (main)'\n"
        f"runpy.run_path({os.fspath(ROOT / 'build.py')!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: gfxpack needs Python 3.11 or newer, and this is Python 3.10.13\n"


class TestWithoutEnsurepip:
    """The interpreter is the real one, with a standard library in which ensurepip is missing."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        library = Path(os.__file__).parent
        copy = tmp_path / "home" / "lib" / library.name
        copy.mkdir(parents=True)
        for entry in library.iterdir():
            if entry.name not in ("ensurepip", "site-packages"):
                (copy / entry.name).symlink_to(entry)
        return tmp_path / "home"

    @pytest.fixture
    def programs(self, tmp_path: Path) -> Path:
        """A PATH with a fake apt-get that writes down what it is asked."""
        folder = tmp_path / "programs"
        folder.mkdir()
        fake = folder / "apt-get"
        fake.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/asked"\necho "E: $FAKE_ERROR"\nexit $FAKE_CODE\n')
        fake.chmod(0o755)
        return folder

    def _run(
        self, checkout: Checkout, home: Path, programs: Path, *argv: str, **extra: str
    ) -> tuple[int, str]:
        code, out, err = checkout.run(*argv, PYTHONHOME=str(home), PATH=str(programs), **extra)
        assert not out
        assert "Traceback" not in err
        assert not checkout.venv.exists()
        return code, err

    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"

    def test_elsewhere_it_says_what_to_install(self, checkout: Checkout, home: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        code, err = self._run(checkout, home, tmp_path / "empty", "--version")
        assert code == 1
        assert "has no ensurepip" in err
        assert "hint:  install your distribution's venv package" in err

    def test_without_a_terminal_it_prints_the_line(
        self, checkout: Checkout, home: Path, programs: Path
    ) -> None:
        code, err = self._run(checkout, home, programs, "--version")
        assert code == 1
        assert f"apt-get install {self.package}" in err
        assert not (programs / "asked").exists()

    def test_with_yes_it_installs(self, checkout: Checkout, home: Path, programs: Path) -> None:
        code, err = self._run(checkout, home, programs, "up", "--yes", FAKE_CODE="0")
        assert (programs / "asked").read_text().splitlines() == [
            "update",
            f"install --yes --no-install-recommends {self.package}",
        ]
        assert code == 1
        assert f"has no ensurepip though {self.package} is installed" in err

    def test_an_installation_that_fails_is_told(self, checkout: Checkout, home: Path, programs: Path) -> None:
        code, err = self._run(
            checkout, home, programs, "up", "--yes", FAKE_CODE="100", FAKE_ERROR="Unable to locate package"
        )
        assert code == 1
        assert "  E: Unable to locate package\n" in err
        assert f"error: apt-get could not install {self.package}" in err

    @pytest.mark.parametrize(("answer", "installs"), [("y", True), ("n", False), ("", False)])
    def test_on_a_terminal_it_asks(
        self, checkout: Checkout, home: Path, programs: Path, answer: str, installs: bool
    ) -> None:
        ours, theirs = os.openpty()
        os.write(ours, f"{answer}\n".encode())
        done = subprocess.run(
            [PYTHON, os.fspath(checkout.root / "build.py"), "--version"],
            env={**checkout.environment, "PYTHONHOME": str(home), "PATH": str(programs), "FAKE_CODE": "0"},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=_DEADLINE_SECONDS,
            check=False,
        )
        shown = os.read(ours, 10_000).decode()
        os.close(ours)
        os.close(theirs)
        assert (done.returncode, done.stdout) == (1, b"")
        assert f"Install {self.package} from the distribution's packages? [y/N]" in shown
        assert (programs / "asked").exists() == installs
