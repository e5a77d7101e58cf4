"""What a marker means to a run: which files are past helping, and what is to be written down afterwards."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pruner.archs import Gfx, Sm, Wanted
from pruner.formats.base import Match
from pruner.marker import Marker, Removed, Shrunk
from pruner.report import FileReport, Outcome
from pruner.select import amd, nvidia
from pruner.tree.result import TREE, Result

_Chips = Sequence[Gfx | Sm]
_Chip = TypeVar("_Chip", Gfx, Sm)


def lost_for_good(marker: Marker, wanted: Wanted, root: Path) -> Iterator[FileReport]:
    """What had code for a chip which is wanted now, and was not when the tree was pruned."""
    vendors: tuple[tuple[_Chips, _Chips], ...] = ((marker.gfx, wanted.gfx), (marker.sm, wanted.sm))
    for known, chips in vendors:
        if known and chips:
            yield from _lost(marker, root, [chip for chip in chips if chip not in known])
            if not set(known) & set(chips):
                asked = ", ".join(map(str, chips))
                reason = f"pruned to {marker}: there is nothing in it for {asked} any more"
                yield FileReport(".", TREE, Outcome.REFUSED, 0, 0, reason=reason)


def _lost(marker: Marker, root: Path, strangers: Sequence[Gfx | Sm]) -> Iterator[FileReport]:
    for name, file in marker.files.items():
        had = [label for label in file.lost if any(_serves(label, chip) for chip in strangers)]
        if had and _size(root / name) == file.size:
            reason = f"had {', '.join(had)} until it was pruned to {marker}"
            yield FileReport(name, "elf", Outcome.REFUSED, file.size, file.size, reason=reason)
    for folder, labels in _lost_in_folders(marker, strangers, root).items():
        reason = f"had files for {', '.join(labels)} until it was pruned to {marker}"
        yield FileReport(folder, "folder", Outcome.REFUSED, 0, 0, reason=reason)


def _lost_in_folders(marker: Marker, chips: Sequence[Gfx | Sm], root: Path) -> dict[str, dict[str, None]]:
    folders: dict[str, dict[str, None]] = {}
    for name, file in marker.removed.items():
        for label in file.lost if _size(root / name) is None else ():
            if any(_serves(label, chip) for chip in chips):
                folders.setdefault(name.rpartition("/")[0] or ".", {})[label] = None
    return folders


def _serves(label: str, chip: Gfx | Sm) -> bool:
    if isinstance(chip, Gfx):
        amd_code = amd.read_label(label)
        return amd_code is not None and amd.match(amd_code, chip) is not Match.NONE
    nvidia_code = nvidia.read_label(label)
    return nvidia_code is not None and nvidia.match(nvidia_code, chip) is not Match.NONE


def marked(old: Marker, result: Result, options: Mapping[str, object]) -> Marker | None:
    """The marker after a run; None where the tree has not become what a marker would say of it."""
    if not old.chips and result.refused and not result.of(Outcome.PRUNED) and not result.removed:
        return None
    return Marker(
        gfx=_both(old.gfx, result.request.wanted.gfx),
        sm=_both(old.sm, result.request.wanted.sm),
        options=options,
        files=_files(old, result),
        removed=_removed(old, result),
        accepted=tuple(sorted(row.path for row in result.accepted)),
        policies={**old.policies, **result.policies},
    )


def _both(old: tuple[_Chip, ...], new: tuple[_Chip, ...]) -> tuple[_Chip, ...]:
    """A tree that was pruned twice for a vendor's chips holds code for those that both runs wanted."""
    return tuple(chip for chip in new if chip in old) if old and new else old or new


def _files(old: Marker, result: Result) -> dict[str, Shrunk]:
    files = {name: file for name, file in old.files.items() if _size(result.root / name) == file.size}
    for row in result.of(Outcome.PRUNED):
        if row.sha256:
            files[row.path] = _shrunk(row, old.files.get(row.path))
    return files


def _shrunk(row: FileReport, earlier: Shrunk | None) -> Shrunk:
    if earlier is None or earlier.size != row.before:
        return Shrunk(row.before, row.after, row.sha256, dict(row.dropped))
    lost = Counter(earlier.lost) + Counter(row.dropped)
    return Shrunk(earlier.before, row.after, row.sha256, dict(lost))


def _removed(old: Marker, result: Result) -> dict[str, Removed]:
    gone = {name: file for name, file in old.removed.items() if _size(result.root / name) is None}
    return gone | {report.path: Removed(report.before, dict(report.dropped)) for report in result.removed}


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None
