"""Room for images of several gigabytes, one after the other, on a machine that has it for one or two."""

import subprocess

from builder.engine import Engine

ENOUGH = 24_000_000_000
KEPT = "20GB"


def make_room(engine: Engine) -> None:
    """Where the engine's disk is nearly full, let it forget the build steps that were used longest ago."""
    free = engine.free_bytes()
    if free is not None and free < ENOUGH:
        subprocess.run(
            ["docker", "builder", "prune", "--force", "--keep-storage", KEPT], check=True, capture_output=True
        )
