"""`build.py down`: stop the stack and leave nothing of it running."""

import argparse

from builder.console import Console
from builder.engine import Engine, connect
from builder.models import ModelsVolume
from builder.stack.compose import FILE, PROJECT, compose
from builder.targets.naming import HUB_VOLUME

_GRACE_SECONDS = "10"


def run_down(args: argparse.Namespace, console: Console) -> int:
    engine = connect()
    if not FILE.exists():
        console.line("no stack was built here; nothing to stop")
        return 0
    with console.step("stop the stack"):
        compose("down", "--remove-orphans", "--timeout", _GRACE_SECONDS)
        _remove_networks(engine)
    if args.volumes:
        for name in (ModelsVolume.name, HUB_VOLUME):
            engine.remove_volume(name)
        console.line("removed the models")
    return 0


def _remove_networks(engine: Engine) -> None:
    """Those of an earlier stack with other options, too: Compose knows only the ones of today's file."""
    for network in engine.sdk.networks.list(filters={"label": f"com.docker.compose.project={PROJECT}"}):
        network.remove()
