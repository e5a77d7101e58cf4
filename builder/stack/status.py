"""`build.py status`: what runs, how it is, and what it takes."""

import argparse

from builder.console import Console, size
from builder.engine import connect
from builder.stack.services import Service, services

_DOWN = 3
"""As the init scripts' `status` has it: not running."""


def run_status(_args: argparse.Namespace, console: Console) -> int:
    present = services(connect())
    if not present:
        console.line("the stack is down; `python build.py up` starts it")
        return _DOWN
    rows = [("service", "state", "memory", "image"), *(_row(service) for service in present.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        console.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for host, port in (address for service in present.values() for address in service.addresses):
        console.line(f"\nlistens on http://{host}:{port}")
    return 0 if all(service.state.status == "running" for service in present.values()) else _DOWN


def _row(service: Service) -> tuple[str, str, str, str]:
    state = service.state
    running = state.status == "running"
    described = state.health or state.status if running else f"{state.status} ({state.exit_code})"
    return service.name, described, size(service.memory()) if running else "-", service.image
