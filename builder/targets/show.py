"""`build.py targets`: the table of targets and how far each has been shown to work."""

import argparse
import json

from builder import paths
from builder.console import Console
from builder.targets.load import load_catalog
from builder.targets.model import Catalog, Target
from builder.targets.schema import schema_text

_COLUMNS = ("target", "chip", "support", "rendered", "rehearsed", "built", "run", "title")


def run_targets(args: argparse.Namespace, console: Console) -> int:
    if args.schema:
        console.line(schema_text().rstrip("\n"))
        return 0
    catalog = load_catalog(paths.TARGETS)
    if args.json:
        console.line(json.dumps(_facts(catalog), indent=2))
        return 0
    rows = [_COLUMNS, *(_row(name, target) for name, target in catalog.targets.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        console.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _facts(catalog: Catalog) -> dict[str, object]:
    return {name: target.model_dump(mode="json") for name, target in catalog.targets.items()}


def _row(name: str, target: Target) -> tuple[str, ...]:
    state = target.state
    steps = (state.rendered, state.rehearsed, state.built, state.run)
    dates = (str(step.date) if step else "-" for step in steps)
    return (name, ",".join(target.archs) or "cpu", target.support, *dates, target.title)
