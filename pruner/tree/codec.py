"""Reports and chips as JSON has them, and back: for the report, the journal and the marker."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pruner.archs import Gfx, Sm, Wanted
from pruner.report import FileReport, Outcome


def report_as_json(report: FileReport) -> dict[str, Any]:
    return asdict(report)


def report_from_json(data: Mapping[str, Any]) -> FileReport:
    return FileReport(**{**data, "outcome": Outcome(data["outcome"]), "notes": tuple(data["notes"])})


def chips_as_json(wanted: Wanted) -> list[dict[str, Any]]:
    return [*map(_gfx_as_json, wanted.gfx), *({"vendor": "nvidia", "chip": str(sm)} for sm in wanted.sm)]


def _gfx_as_json(gfx: Gfx) -> dict[str, Any]:
    chip = {"vendor": "amd", "chip": gfx.chip or gfx.processor, "reported_as": gfx.processor}
    return {**chip, "features": dict(gfx.features)} if gfx.features else chip


def chips_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[tuple[Gfx, ...], tuple[Sm, ...]]:
    chips = list(data)
    gfx = tuple(_gfx_from_json(chip) for chip in chips if chip["vendor"] == "amd")
    sm = tuple(Sm(int(chip["chip"].removeprefix("sm_"))) for chip in chips if chip["vendor"] == "nvidia")
    return gfx, sm


def _gfx_from_json(data: Mapping[str, Any]) -> Gfx:
    chip, processor = data["chip"], data["reported_as"]
    features = tuple(sorted(data.get("features", {}).items()))
    return Gfx(processor, features, chip if chip != processor else "")
