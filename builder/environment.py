"""The driver's own environment: `.venv`, made from the hashed locks in `locks/`.

Its first part runs before there is one, so this module and what it imports use the standard library alone.
An environment is made under another name and renamed when it is whole, so that a run that was killed leaves
nothing broken. `driver` is what every verb needs; other groups go in when a verb first asks for them.
"""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NoReturn

from builder.console import Console
from builder.errors import ConfigError, GfxpackError
from builder.paths import CACHE, LOCKS, ROOT, VENV

_DRIVER = "driver"
_PYTHON = VENV / "bin" / "python"
_UNDER_WAY = VENV / "gfxpack-under-way"
_TEMPORARY = "venv-"
_DEFAULT_HINT = "the checkout, its .cache and its .venv must be folders that your user may write to"
_HINTS = {
    errno.ENOSPC: "free some disk space there, then start again",
    errno.EDQUOT: "your quota there is used up; free some space, then start again",
    errno.EROFS: "the file system there is read-only; work in a copy elsewhere",
}


def enter(argv: Sequence[str]) -> None:
    """Continue in the environment's interpreter; returns once this process runs in it."""
    if _prepare_or_exit(assume_yes="--yes" in argv) or Path(sys.prefix) != VENV:
        command = [os.fspath(_PYTHON), os.fspath(ROOT / "build.py"), *argv[1:]]
        os.execv(_PYTHON, command)  # noqa: S606 - the same process goes on, so that signals reach it


def ensure_group(group: str, console: Console) -> None:
    """Install a group's lock into the environment, unless that was done."""
    import importlib

    wanted = _read_lock(group)
    if _is_ready() and _stamp(VENV, group) == wanted:
        return
    with _one_at_a_time(console):
        if not _is_ready() or _UNDER_WAY.exists():
            _make(console, assume_yes=False)
        if _stamp(VENV, group) != wanted:
            _UNDER_WAY.touch()
            _install(_PYTHON, group, console)
            _write_stamp(VENV, group, wanted)
            _UNDER_WAY.unlink()
    importlib.invalidate_caches()


def tool(name: str) -> Path:
    """A program that a group brought."""
    return VENV / "bin" / name


def _prepare_or_exit(*, assume_yes: bool) -> bool:
    """Whether an environment had to be made."""
    console = Console.for_stream(sys.stderr)
    try:
        if _is_ready():
            return False
        with _one_at_a_time(console):
            if not _is_ready():
                _make(console, assume_yes=assume_yes)
    except KeyboardInterrupt:
        console.line("interrupted")
        sys.exit(130)
    except GfxpackError as error:
        _fail(console, error)
    except OSError as error:
        _fail(
            console,
            GfxpackError(
                f"cannot make the driver's environment at {VENV}: {error.strerror or error}",
                hint=_HINTS.get(error.errno or 0, _DEFAULT_HINT),
            ),
        )
    return True


def _fail(console: Console, error: GfxpackError) -> NoReturn:
    console.fail(error)
    sys.exit(error.exit_code)


def _is_ready() -> bool:
    return _stamp(VENV, _DRIVER) == _wanted_stamp() and os.access(_PYTHON, os.X_OK)


def _wanted_stamp() -> str:
    """All that an environment depends on: where it lies, which Python it runs on, and the lock."""
    return "\n".join([os.fspath(ROOT), _base_python(), sys.version, _read_lock(_DRIVER)])


def _base_python() -> str:
    """The interpreter itself, also where this process runs in some virtual environment of it."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _stamp(environment: Path, group: str) -> str | None:
    try:
        return (environment / f"gfxpack-{group}").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write_stamp(environment: Path, group: str, text: str) -> None:
    """Written in one piece: half a stamp does not equal the lock."""
    (environment / f"gfxpack-{group}").write_text(text, encoding="utf-8")


def _read_lock(group: str) -> str:
    path = LOCKS / f"{group}.txt"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read locks/{path.name}: {error}", hint="restore it from the repository"
        ) from None


def _one_at_a_time(console: Console) -> AbstractContextManager[None]:
    """Two runs that start at once do not make one environment: the second waits for the first."""
    from builder.files import one_at_a_time

    waiting = partial(console.line, "another run prepares the environment; waiting for it")
    return one_at_a_time(CACHE / "venv.lock", waiting)


def _make(console: Console, *, assume_yes: bool) -> None:
    """Make the environment with the driver's packages, and put it in the place of the old one."""
    import shutil
    import tempfile

    from builder.venv_package import require_ensurepip

    if VENV.exists() and _stamp(VENV, _DRIVER) is None:
        raise ConfigError(f"{VENV} was not made by this driver", hint="remove it, or move it out of the way")
    require_ensurepip(console, assume_yes=assume_yes)
    for left_over in CACHE.glob(f"{_TEMPORARY}*/"):
        shutil.rmtree(left_over, ignore_errors=True)
    workdir = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=CACHE))
    try:
        _build(workdir / "new", console)
        _relocate(workdir / "new", VENV)
        if VENV.exists():
            VENV.rename(workdir / "old")
        (workdir / "new").rename(VENV)
    finally:
        shutil.rmtree(workdir, ignore_errors=True)


def _build(environment: Path, console: Console) -> None:
    import subprocess

    with console.step("Preparing the driver's environment") as step:
        step.update("python -m venv")
        made = subprocess.run(
            [_base_python(), "-m", "venv", os.fspath(environment)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if made.returncode:
            raise GfxpackError(
                f"{_base_python()} cannot make a virtual environment",
                hint="try another Python, 3.11 or newer",
                evidence=made.stdout.strip().splitlines()[-3:],
            )
        from builder import pip

        pip.install(environment / "bin" / "python", LOCKS / f"{_DRIVER}.txt", step.update)
    _write_stamp(environment, _DRIVER, _wanted_stamp())


def _install(python: Path, group: str, console: Console) -> None:
    from builder import pip

    with console.step(f"Installing what `{group}` needs") as step:
        pip.install(python, LOCKS / f"{group}.txt", step.update)


def _relocate(environment: Path, final: Path) -> None:
    """Let the scripts name the place where the environment will lie."""
    old, new = os.fsencode(environment), os.fsencode(final)
    for script in [*(environment / "bin").iterdir(), environment / "pyvenv.cfg"]:
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if old in content:
            script.write_bytes(content.replace(old, new))
