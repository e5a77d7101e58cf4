"""The report as programs read it. `FORMAT` grows when a field goes or changes its meaning; new ones come."""

import json
from dataclasses import asdict
from typing import Any

from pruner import __version__
from pruner.marker import chips_as_json
from pruner.tree.result import Request, Result

FORMAT = 1


def as_json(result: Result) -> str:
    return json.dumps(_content(result), indent=1) + "\n"


def _content(result: Result) -> dict[str, Any]:
    request = result.request
    return {
        "format": FORMAT,
        "tool": f"gfxpack pruner {__version__}",
        "root": str(result.root),
        "archs": chips_as_json(request.wanted.gfx, request.wanted.sm),
        "options": options_as_json(request) | {"dry_run": request.options.dry_run},
        "exit_code": result.exit_code,
        "interrupted": result.interrupted,
        "before": result.before,
        "after": result.after,
        "kept": result.labels("kept"),
        "dropped": result.labels("dropped"),
        "files": [asdict(row) for row in sorted(result.rows, key=lambda row: row.path)],
        "removed": [
            {"path": report.path, "kind": report.kind, "size": report.before, "archs": [*report.dropped]}
            for report in sorted(result.removed, key=lambda report: report.path)
        ],
        "accepted": [row.path for row in result.accepted],
        "records": [*result.records],
        "left": [*result.left],
        "notes": [*result.notes],
    }


def options_as_json(request: Request) -> dict[str, Any]:
    """What decides on what a run takes out."""
    return {
        "ptx": request.wanted.ptx,
        "embedded": request.wanted.embedded,
        "layout": request.options.layout,
        "strip": request.options.strip,
        "accept": [*request.accept.patterns],
        "keep": [*request.keep.patterns],
        "weight": [policy.name for policy in request.weight],
    }
