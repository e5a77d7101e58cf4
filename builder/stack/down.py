"""`build.py down`: stop the stack and leave nothing of it running."""

import argparse
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from builder.console import Console
from builder.engine import Engine, connect
from builder.models import ModelsVolume
from builder.stack.compose import STACK, containers, networks
from builder.stack.hub import secrets_folder
from builder.targets.naming import cache_volume, hub_volume, library_volume

if TYPE_CHECKING:
    from docker.models.containers import Container

_GRACE_SECONDS = 10


def run_down(args: argparse.Namespace, console: Console) -> int:
    engine = connect()
    with console.step("stop the stack") as step:
        stopped = list(containers(engine).values())
        with ThreadPoolExecutor(max(len(stopped), 1)) as pool:
            list(pool.map(_remove, stopped))
        _remove_networks(engine, console)
        step.finish(f"{len(stopped)} containers" if stopped else "it was not running")
    if args.volumes:
        for name in _volumes():
            engine.remove_volume(name)
        shutil.rmtree(secrets_folder(STACK), ignore_errors=True)
        console.line("removed the models, what was kept for the hub, and what the engines compiled")
    return 0


def _volumes() -> tuple[str, ...]:
    return ModelsVolume.name, library_volume(STACK), hub_volume(STACK), cache_volume(STACK)


def _remove(container: "Container") -> None:
    container.stop(timeout=_GRACE_SECONDS)
    container.remove(force=True)


def _remove_networks(engine: Engine, console: Console) -> None:
    from docker.errors import APIError

    for network in networks(engine):
        try:
            network.remove()
        except APIError:
            console.warn(f"the network {network.name} stays: a container of somebody else uses it")
