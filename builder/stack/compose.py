"""`docker compose` on the stack that the bundle describes."""

import json
import re
import subprocess
from collections.abc import Sequence

from builder import paths
from builder.errors import StackError

FILE = paths.BUNDLE / "current" / "compose.yaml"
PROJECT = "gfxpack"
_EVIDENCE_LINES = 8

_HINTS: Sequence[tuple[str, str]] = (
    (
        r"port is already allocated|address already in use",
        "another program holds the port; choose one with `--port`",
    ),
    (r"external volume .* not found", "fill it with `python build.py build`"),
    (r"[Nn]o such image|pull access denied|not found", "build the images with `python build.py build`"),
    (r"no space left", "free disk space, for example with `docker builder prune`"),
)


def compose(*arguments: str) -> str:
    """Run one command to its end and give what it printed."""
    argv = ["docker", "compose", "--project-name", PROJECT, "--file", str(FILE), *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise StackError(
            "there is no `docker` command", hint="install the distribution's package docker-cli"
        ) from None
    if done.returncode:
        raise _failure(arguments[0], done.stderr)
    return done.stdout


def service_containers() -> dict[str, str]:
    """Container ids of the stack's services, stopped ones too."""
    lines = compose("ps", "--all", "--format", "json").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return {str(entry["Service"]): str(entry["ID"]) for entry in entries}


def _failure(command: str, stderr: str) -> StackError:
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, stderr)), "see the lines above")
    last = lines[-1].strip() if lines else "it said nothing"
    return StackError(
        f"`docker compose {command}` failed: {last}", hint=hint, evidence=lines[-_EVIDENCE_LINES:-1]
    )
