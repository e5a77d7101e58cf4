"""The running stack: up, down and status."""

from builder.stack.down import run_down
from builder.stack.status import run_status
from builder.stack.up import run_up

__all__ = ["run_down", "run_status", "run_up"]
