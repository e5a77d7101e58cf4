"""The test verb: makes sure of the tools and the engine, then becomes pytest."""

import argparse
import os
import sys

from builder.console import Console
from builder.environment import ensure_group, tool
from builder.paths import ROOT

_ON_EVERY_PROCESSOR = ("--numprocesses=auto", "--dist=loadfile")


def run_test(args: argparse.Namespace, console: Console) -> int:
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
    """A skipped test fails: in these runs everything that a test may need is there. The quick run takes
    every processor; the full one has an engine's work to wait for, and its images and ports to itself."""
    without = [*(("engine", "stack", "clients") if args.quick else ()), *(() if args.long else ("long",))]
    marks = " and ".join(f"not {mark}" for mark in without)
    return ["--fail-skips", "-m", marks, *(_ON_EVERY_PROCESSOR if args.quick else ()), *args.rest]
