"""The test verb: makes sure of the tools and the engine, then becomes pytest."""

import argparse
import os
import sys

from builder.console import Console
from builder.environment import ensure_group, tool
from builder.errors import UsageError
from builder.paths import ROOT

_QUICK = "not engine and not stack and not long"
_FULL = "not long"


def run_test(args: argparse.Namespace, console: Console) -> int:
    if args.quick and args.long:
        raise UsageError("--quick and --long exclude each other", hint="give one of them")
    ensure_group("test", console)
    if not args.quick:
        from builder.engine.install import ensure_engine

        ensure_engine(console, assume_yes=args.yes)
    python = os.fspath(tool("python"))
    command = [python, "-m", "pytest", *pytest_arguments(args)]
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(python, command)  # noqa: S606 - pytest itself gets Ctrl-C, and its summary is the last line


def pytest_arguments(args: argparse.Namespace) -> list[str]:
    """A skipped test fails: in these runs everything that a test may need is there."""
    marks = _QUICK if args.quick else None if args.long else _FULL
    return ["--fail-skips", *(["-m", marks] if marks else []), *args.rest]
