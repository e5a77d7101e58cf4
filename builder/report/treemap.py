"""Rectangles whose areas are proportional to weights, kept near to squares (Bruls, Huizing and van Wijk)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def short_side(self) -> float:
        return min(self.width, self.height)


def squarify(weights: Sequence[float], box: Box) -> list[Box]:
    """One box per weight, in order; weights must be positive and come largest first."""
    if not weights:
        return []
    scale = box.width * box.height / sum(weights)
    areas = [weight * scale for weight in weights]
    boxes: list[Box] = []
    while areas:
        row = _best_row(areas, box.short_side)
        placed, box = _lay(row, box)
        boxes += placed
        areas = areas[len(row) :]
    return boxes


def _best_row(areas: Sequence[float], side: float) -> list[float]:
    row = [areas[0]]
    for area in areas[1:]:
        if _worst([*row, area], side) > _worst(row, side):
            break
        row.append(area)
    return row


def _worst(row: Sequence[float], side: float) -> float:
    """The aspect ratio of the row's least square box."""
    total = sum(row)
    return max(max(side**2 * area / total**2, total**2 / (side**2 * area)) for area in row)


def _lay(row: Sequence[float], box: Box) -> tuple[list[Box], Box]:
    """Put a row along the short side; also the room that is left."""
    thickness = sum(row) / box.short_side
    placed: list[Box] = []
    offset = 0.0
    for area in row:
        length = area / thickness
        if box.width >= box.height:
            placed.append(Box(box.x, box.y + offset, thickness, length))
        else:
            placed.append(Box(box.x + offset, box.y, length, thickness))
        offset += length
    if box.width >= box.height:
        return placed, Box(box.x + thickness, box.y, max(box.width - thickness, 1e-9), box.height)
    return placed, Box(box.x, box.y + thickness, box.width, max(box.height - thickness, 1e-9))
