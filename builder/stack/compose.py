"""`docker compose` on the stack that the bundle describes, and what of it the engine holds."""

import os
import re
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING

from builder.bundle import current
from builder.engine import Engine
from builder.errors import StackError
from builder.targets.naming import stack_name

if TYPE_CHECKING:
    from docker.models.containers import Container
    from docker.models.networks import Network

STACK = stack_name(os.environ)
_PROJECT_LABEL = f"com.docker.compose.project={STACK}"
_EVIDENCE_LINES = 8

_HINTS: Sequence[tuple[str, str]] = (
    (
        r"could not select device driver|nvidia-container-cli|unknown or invalid runtime name: nvidia",
        "install nvidia-container-toolkit, run `nvidia-ctk runtime configure`, restart the engine",
    ),
    (
        r"error gathering device information|no such file or directory: .?/dev/",
        "a device is missing: see the bundle's `.env` for its name",
    ),
    (
        r"port is already allocated|address already in use",
        "another program holds the port; choose one with `--port`",
    ),
    (r"external volume .* not found", "fill it: `python build.py build` with the same --target"),
    (
        r"[Nn]o such image|pull access denied|not found",
        "build the images: `python build.py build` with the same --target",
    ),
    (r"no space left", "free disk space, for example with `docker builder prune`"),
)


def start() -> None:
    """Start what the bundle describes; containers that fit it already are left as they are."""
    file = current(STACK) / "compose.yaml"
    options = ["--project-name", STACK, "--file", str(file)]
    argv = ["docker", "compose", *options, "up", "--detach", "--remove-orphans", "--pull", "never"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise StackError(
            "there is no `docker` command", hint="install the distribution's package docker-cli"
        ) from None
    if done.returncode:
        raise _failure(done.stderr)


def containers(engine: Engine) -> dict[str, "Container"]:
    """The stack's containers by service, stopped ones too, whatever the bundle says by now."""
    found = engine.sdk.containers.list(all=True, filters={"label": _PROJECT_LABEL})
    return {container.labels["com.docker.compose.service"]: container for container in found}


def networks(engine: Engine) -> list["Network"]:
    found: list[Network] = engine.sdk.networks.list(filters={"label": _PROJECT_LABEL})
    return found


def _failure(stderr: str) -> StackError:
    lines = [line for line in stderr.strip().splitlines() if line.strip()]
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, stderr)), "see the lines above")
    last = lines[-1].strip() if lines else "it said nothing"
    return StackError(f"`docker compose up` failed: {last}", hint=hint, evidence=lines[-_EVIDENCE_LINES:-1])
