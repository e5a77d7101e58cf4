"""The marker: what a pruned tree says of itself, to the next run, to `--check` and to whoever starts it.

It is the same for the same input: no clock, no host and no place is in it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pruner import __version__
from pruner.archs import Gfx, Sm, parse_archs
from pruner.errors import PrunerError
from pruner.untrusted import counts, inside, typed

FORMAT = 1
IN_FOLDER = ".gfxpack-pruned.json"
_OTHER = "--marker names another one"
IN_IMAGE = "etc/gfxpack/pruned.json"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, PrunerError)


@dataclass(frozen=True)
class Shrunk:
    """A file that is smaller than it was."""

    before: int
    size: int
    sha256: str
    lost: Mapping[str, int] = field(default_factory=dict)
    """Arch -> bytes of code for it that are gone."""


@dataclass(frozen=True)
class Removed:
    """A file that is gone, and how large it was for which archs."""

    before: int
    lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Marker:
    gfx: tuple[Gfx, ...] = ()
    sm: tuple[Sm, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else decided on what went: as `Options` and `Wanted` have it."""
    files: Mapping[str, Shrunk] = field(default_factory=dict)
    removed: Mapping[str, Removed] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()
    """Files without code for any of the chips, which somebody said may be so."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """Policies of dead weight that were carried out -> their hashes."""

    @property
    def chips(self) -> tuple[Gfx | Sm, ...]:
        return (*self.gfx, *self.sm)

    def __str__(self) -> str:
        return ", ".join(map(str, self.chips))


def default_place(path: Path) -> Path | None:
    """Where the marker of a tree lies; a single file has none."""
    if not path.is_dir():
        return None
    is_image = (path / "etc").is_dir() and (path / "usr").is_dir()
    leads_out = not (path / IN_IMAGE).resolve().is_relative_to(path.resolve())
    return path / (IN_IMAGE if is_image and not leads_out else IN_FOLDER)


def load(path: Path) -> Marker | None:
    """None where there is none."""
    if path.exists() and not path.is_file():
        raise PrunerError(f"{path} is no file", hint=_OTHER)
    try:
        return _from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PrunerError(f"cannot read {path}: {error.strerror}", hint=_OTHER) from None
    except _UNREADABLE as error:
        raise PrunerError(
            f"{path} is no marker of this pruner: {type(error).__name__}: {error}",
            hint="a newer pruner may have written it; what nobody can read is best replaced by a fresh tree",
        ) from None


def dump(marker: Marker) -> bytes:
    before = [file.before for file in marker.files.values()] + [
        file.before for file in marker.removed.values()
    ]
    content = {
        "format": FORMAT,
        "tool": f"gfxpack pruner {__version__}",
        "archs": chips_as_json(marker.gfx, marker.sm),
        "options": marker.options,
        "before": sum(before),
        "after": sum(file.size for file in marker.files.values()),
        "files": {name: asdict(file) for name, file in sorted(marker.files.items())},
        "removed": {name: asdict(file) for name, file in sorted(marker.removed.items())},
        "accepted": sorted(marker.accepted),
        "policies": dict(sorted(marker.policies.items())),
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def _from_json(data: Mapping[str, Any]) -> Marker:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}")
    gfx, sm = chips_from_json(data["archs"])
    return Marker(
        gfx=gfx,
        sm=sm,
        options=dict(data["options"]),
        files={inside(name): _shrunk(file) for name, file in data["files"].items()},
        removed={inside(name): _removed(file) for name, file in data["removed"].items()},
        accepted=tuple(typed(str, name) for name in data["accepted"]),
        policies={name: typed(str, digest) for name, digest in data["policies"].items()},
    )


def _shrunk(data: Mapping[str, Any]) -> Shrunk:
    return Shrunk(
        typed(int, data["before"]), typed(int, data["size"]), typed(str, data["sha256"]), counts(data["lost"])
    )


def _removed(data: Mapping[str, Any]) -> Removed:
    return Removed(typed(int, data["before"]), counts(data["lost"]))


def chips_as_json(gfx: Iterable[Gfx], sm: Iterable[Sm]) -> list[dict[str, Any]]:
    """Each chip, and what the runtime reports it as, which is what code is looked up by."""
    return [*map(_gfx_as_json, gfx), *({"vendor": "nvidia", "chip": str(chip)} for chip in sm)]


def _gfx_as_json(gfx: Gfx) -> dict[str, Any]:
    chip = {"vendor": "amd", "chip": gfx.chip or gfx.processor, "reported_as": gfx.processor}
    return {**chip, "features": dict(gfx.features)} if gfx.features else chip


def chips_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[tuple[Gfx, ...], tuple[Sm, ...]]:
    return parse_archs(map(_written, data))


def _written(data: Mapping[str, Any]) -> str:
    """A chip as a command line has it."""
    if data["vendor"] == "nvidia":
        return typed(str, data["chip"])
    features = "".join(f":{name}{sign}" for name, sign in data.get("features", {}).items())
    return f"{data['chip']}={data['reported_as']}{features}"
