"""The prune verb: the pruner's own command line under another name."""

import argparse

from builder.console import Console


def run_prune(args: argparse.Namespace, _console: Console) -> int:
    from pruner.cli import main

    for_the_pruner = [word for word in args.rest if word != "--yes"]  # answered when the environment was made
    return main(for_the_pruner, "build.py prune")
