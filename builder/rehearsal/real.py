"""Distributions that come as themselves in a rehearsal: pip fetches them once, by the lock's hashes."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from builder.console import Console
from builder.errors import SourceError
from builder.requirements import Requirement, emit

_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64")


def fetch(pins: Sequence[Requirement], python: str, folder: Path, console: Console) -> None:
    """Put a wheel for `python` ("3.13") of each pin into `folder`; what is there is not asked for again."""
    missing = [pin for pin in pins if not _found(pin, folder)]
    if not missing:
        return
    with console.step("fetch what no stand-in is made for"), tempfile.TemporaryDirectory() as room:
        lock = Path(room, "lock.txt")
        lock.write_text(emit(missing), encoding="utf-8")
        done = subprocess.run(_download(lock, python, folder), capture_output=True, text=True, check=False)
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] or ["no output"]
        raise SourceError(
            f"a package of the rehearsal cannot be fetched: {words[0].removeprefix('ERROR: ')}",
            hint="check the network, and pip's configuration on this machine",
        )


def wheel_of(pin: Requirement, folder: Path) -> Path:
    return _found(pin, folder)[0]


def _found(pin: Requirement, folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{pin.name.replace('-', '_')}-{pin.version}-*.whl"))


def _download(lock: Path, python: str, folder: Path) -> list[str]:
    digits = python.replace(".", "")
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={python}"),
        *("--implementation=cp", f"--abi=cp{digits}", "--abi=abi3", "--abi=none"),
        *(f"--platform={platform}" for platform in _PLATFORMS),
        *(f"--dest={folder}", f"--requirement={lock}"),
    ]
