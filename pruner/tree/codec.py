"""A file's report as JSON has it, and back: for the report of a run and for its journal."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pruner.report import FileReport, Outcome


def report_as_json(report: FileReport) -> dict[str, Any]:
    return asdict(report)


def report_from_json(data: Mapping[str, Any]) -> FileReport:
    return FileReport(**{**data, "outcome": Outcome(data["outcome"]), "notes": tuple(data["notes"])})
