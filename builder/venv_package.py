"""A Python without ensurepip, as bare Debian and Ubuntu have it: install the package that brings it.

Standard library only: this runs before the driver has an environment.
"""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys

from builder.console import Console
from builder.errors import GfxpackError

_EVIDENCE_LINES = 3


def require_ensurepip(console: Console, *, assume_yes: bool) -> None:
    """Return when this Python can make virtual environments; install what it lacks where that is wanted."""
    if _is_here():
        return
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    lack = f"this {python} has no ensurepip, so it cannot make the driver's environment"
    if not shutil.which("apt-get"):
        raise GfxpackError(lack, hint="install your distribution's venv package for it, or another Python")
    if os.geteuid() != 0:
        raise GfxpackError(lack, hint=f"run: sudo apt-get install {package}")
    if not (assume_yes or _confirm(f"{lack}.\nInstall {package} from the distribution's packages?")):
        raise GfxpackError(lack, hint=f"run: apt-get install {package}   (or start again with --yes)")
    with console.step(f"Installing {package}"):
        _apt_install(package)
    importlib.invalidate_caches()
    if not _is_here():
        raise GfxpackError(
            f"{sys.executable} has no ensurepip though {package} is installed",
            hint="start build.py with the distribution's own python3",
        )


def _is_here() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def _confirm(question: str) -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _apt_install(package: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    output = ""
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", package)):
        done = subprocess.run(
            ["apt-get", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        output += done.stdout
    if done.returncode:
        errors = [line for line in output.splitlines() if line.startswith(("E:", "Err:"))]
        raise GfxpackError(
            f"apt-get could not install {package}",
            hint="check /etc/apt/sources.list and the network",
            evidence=errors[-_EVIDENCE_LINES:],
        )
