"""Getting an engine where none answers: on Debian and Ubuntu, as root, from the distribution's packages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.console import Console, Step
from builder.engine import context, daemon
from builder.engine.client import Engine, connect
from builder.engine.failures import hint_for
from builder.engine.packages import (
    BOOTSTRAPPER,
    BY_HAND,
    DISTRIBUTIONS,
    Attempt,
    objection,
    parse_policy,
    plan,
)
from builder.engine.process import stream
from builder.errors import EngineError, GfxpackError, SourceError
from builder.files import replace_text
from builder.sources import apt
from builder.sources.urls import redact

_ROOT = Path("/")
_EVIDENCE_LINES = 8
_PROGRESS_PREFIXES = ("Get:", "Selecting ", "Preparing ", "Unpacking ", "Setting up ", "Processing ")


def ensure_engine(console: Console, *, assume_yes: bool = False) -> Engine:
    """The engine that answers; where none does, offer to install and start one (`assume_yes`: just do it)."""
    try:
        return connect()
    except EngineError as error:
        missing = error
    distribution = apt.os_release(_ROOT).get("ID", "")
    if context.is_chosen() or not (daemon.installed() or _can_install(distribution)):
        raise missing
    if os.geteuid() != 0:
        raise missing
    if daemon.installed():
        _offer(f"{missing.message}. Start it?", missing, assume_yes=assume_yes)
    else:
        question = f"{missing.message}. Install one from the packages of {distribution}?"
        _offer(question, missing, assume_yes=assume_yes)
        _install_engine(distribution, console)
    with console.step("start the container engine") as step:
        engine = daemon.start(step)
        step.finish(f"docker {engine.versions.engine}")
    return engine


def ensure_bootstrapper(console: Console, *, assume_yes: bool = False) -> None:
    """Have mmdebstrap, which makes a base where no registry answers; offer its package if it is missing."""
    if shutil.which(BOOTSTRAPPER):
        return
    missing = SourceError(
        f"{BOOTSTRAPPER} is not installed, and without a registry it is what makes a base",
        hint=f"install it: `apt-get install {BOOTSTRAPPER}`",
    )
    if os.geteuid() != 0 or not _can_install(apt.os_release(_ROOT).get("ID", "")):
        raise missing
    _offer(f"{missing.message}. Install it?", missing, assume_yes=assume_yes)
    with console.step(f"install {BOOTSTRAPPER}") as step:
        _update(step)
        _apt_get("install", "--yes", "--no-install-recommends", BOOTSTRAPPER, step=step)


def _can_install(distribution: str) -> bool:
    return distribution in DISTRIBUTIONS and shutil.which("apt-get") is not None


def _offer(question: str, refusal: GfxpackError, *, assume_yes: bool) -> None:
    """Return if the answer is yes; off a terminal nobody can be asked, and the refusal says what to do."""
    if assume_yes:
        return
    if sys.stdin.isatty() and sys.stderr.isatty():
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise refusal
    raise type(refusal)(refusal.message, hint=f"{refusal.hint}; or start again with --yes")


def _install_engine(distribution: str, console: Console) -> None:
    with console.step(f"install a container engine from the packages of {distribution}") as step:
        refused = _update(step)
        for attempt in plan(distribution, apt.read(_ROOT), _policy(distribution)):
            reason = _try(attempt, step)
            if reason is None:
                step.finish(f"from {attempt.origin}")
                return
            refused.append(f"{attempt.origin}: {reason}")
        raise EngineError(
            f"no container engine could be installed from the packages of {distribution}",
            hint=f"install {BY_HAND} by hand, and start it",
            evidence=refused,
        )


def _try(attempt: Attempt, step: Step) -> str | None:
    """Install one way; gives why it cannot be done, and then nothing of it is left."""
    with _written(attempt.files) as keep:
        if attempt.files:
            _update(step)
        arguments = ("install", "--yes", "--no-install-recommends", *attempt.arguments)
        simulation = _output("apt-get", "--simulate", *arguments)
        if simulation.returncode != 0:
            return _last_complaint(simulation.stderr)
        reason = objection(simulation.stdout, attempt.arguments)
        if reason is None:
            _apt_get(*arguments, step=step)
            keep.append(True)
        return reason


@contextmanager
def _written(files: Mapping[str, str]) -> Iterator[list[bool]]:
    """Write files below /; put back what was there unless the body appends to the list it is given."""
    before = {path: _read(_ROOT / path) for path in files}
    keep: list[bool] = []
    try:
        for path, text in files.items():
            _replace(_ROOT / path, text)
        yield keep
    finally:
        if not keep:
            for path, earlier in before.items():
                _replace(_ROOT / path, earlier)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _replace(path: Path, text: str | None) -> None:
    """Put a file in place whole, or take it away."""
    if text is None:
        path.unlink(missing_ok=True)
    else:
        replace_text(path, text)


def _policy(distribution: str) -> dict[str, str]:
    return parse_policy(_output("apt-cache", "policy", *DISTRIBUTIONS[distribution].packages).stdout)


def _update(step: Step) -> list[str]:
    """Fetch the lists. A complaint alone stops nothing: it may be about a source that has nothing to give."""
    try:
        _apt_get("update", step=step)
    except SourceError as error:
        return [error.message]
    return []


def _apt_get(*arguments: str, step: Step) -> None:
    """Run apt-get and show what it does. Once dpkg runs it is let finish: stopped half-way it breaks."""
    said: list[str] = []

    def on_line(line: str) -> None:
        said.append(redact(line.rstrip()))
        if said[-1].startswith(_PROGRESS_PREFIXES):
            step.update(said[-1])

    argv = ["apt-get", "-o", "Dpkg::Use-Pty=0", *arguments]
    status = stream(argv, on_line, env=_environment(), finish=arguments[0] == "install")
    trouble = [line for line in said if line.startswith(("E: ", "W: ", "Err:"))]
    if status != 0:
        raise SourceError(
            f"apt-get {arguments[0]} failed: {_last_complaint(chr(10).join(said))}",
            hint=hint_for("\n".join(said), on_host=True) or "check apt's sources and the network",
            evidence=trouble[-_EVIDENCE_LINES:],
        )


def _output(*argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, env=_environment(), check=False)


def _environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def _last_complaint(text: str) -> str:
    lines: Sequence[str] = [line for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith("E: ")] or lines
    return complaints[-1].removeprefix("E: ").strip() if complaints else "it said nothing"
