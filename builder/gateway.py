"""The proxy verb: makes sure of what the proxy needs, then becomes it."""

import argparse
import os
import sys
from collections.abc import Sequence

from builder.console import Console
from builder.environment import ensure_group, tool
from builder.paths import ROOT


def run_proxy(args: argparse.Namespace, console: Console) -> int:
    ensure_group("gateway", console)
    python = os.fspath(tool("python"))
    # Only this checkout's own package is meant, wherever the person stands.
    environ = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    sys.stdout.flush()
    os.execve(python, [python, "-P", "-m", "proxy", *given(args.rest)], environ)  # noqa: S606 - as for Ctrl-C


def given(rest: Sequence[str]) -> list[str]:
    """Two dashes only part the proxy's arguments from the verb's own."""
    return list(rest[1:] if rest[:1] == ["--"] else rest)
