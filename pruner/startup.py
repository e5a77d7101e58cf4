"""`python -m pruner.startup`: do this machine's GPUs run the code that is left in this image?

Exit status 0: they do, or there is none to be seen, as in a build or a test; 1: none of them does;
2: there is no marker to ask.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pruner import gpus
from pruner.archs import Gfx, Sm
from pruner.errors import PrunerError
from pruner.formats.base import Match
from pruner.gpus.base import Gpu
from pruner.marker import IN_IMAGE, Marker, load
from pruner.select import amd, nvidia

SERVED, NOT_SERVED, NOT_ASKED = 0, 1, 2


class Verdict(NamedTuple):
    code: int
    text: str


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(argv)
    try:
        marker = load(args.marker)
    except PrunerError as error:
        print(f"error: {error.message}\nhint:  {error.hint}", file=sys.stderr)
        return NOT_ASKED
    if marker is None:
        print(f"error: there is no {args.marker}\nhint:  --marker names the marker", file=sys.stderr)
        return NOT_ASKED
    verdict = judge(marker, gpus.seen(args.sysfs, args.devices, args.libcuda))
    print(verdict.text, file=sys.stderr if verdict.code else sys.stdout)
    return verdict.code


def judge(marker: Marker, seen: Sequence[Gpu]) -> Verdict:
    """Whether code for the marker's chips runs on these GPUs. Another vendor's do not matter beside them."""
    holds = f"this image holds code for {marker} only"
    own = [gpu for gpu in seen if (marker.gfx if isinstance(gpu.chip, Gfx) else marker.sm)]
    served = [gpu for gpu in own if _serves(marker, gpu.chip)]
    others = [gpu for gpu in own or seen if gpu not in served]
    if not seen:
        return Verdict(SERVED, f"{holds}; no GPU is to be seen here")
    if not served:
        return Verdict(NOT_SERVED, f"{holds}; {_here(others)}: {_remedy(marker, others)}")
    if others:
        return Verdict(SERVED, f"warning: {holds}; it does not run on {_list(others)}")
    return Verdict(SERVED, f"{holds}, and runs on {_list(served)}")


def _serves(marker: Marker, chip: Gfx | Sm) -> bool:
    if isinstance(chip, Gfx):
        ways = [amd.match(amd.Code(held.processor), chip) for held in marker.gfx]
    else:
        ways = [nvidia.match(nvidia.Code(nvidia.Kind.SASS, held.number), chip) for held in marker.sm]
    return any(way is not Match.NONE for way in ways)


def _here(seen: Sequence[Gpu]) -> str:
    return f"this machine's GPU{'s are' if len(seen) > 1 else ' is'} {_list(seen)}"


def _list(seen: Sequence[Gpu]) -> str:
    return ", ".join(dict.fromkeys(map(str, seen)))


def _remedy(marker: Marker, seen: Sequence[Gpu]) -> str:
    for gpu in seen:
        for held in marker.gfx:
            if isinstance(gpu.chip, Gfx) and held.chip and held.chip == (gpu.chip.chip or gpu.chip.processor):
                return f"its code is that of {held.processor}; {_override(held)}"
    targets = dict.fromkeys(_own_name(gpu.chip) for gpu in seen)
    return f"use the image of target {' or '.join(targets)}"


def _own_name(chip: Gfx | Sm) -> str:
    return (chip.chip or chip.processor) if isinstance(chip, Gfx) else str(chip)


def _override(held: Gfx) -> str:
    """gfx1100 -> 11.0.0: the last two digits are hexadecimal."""
    digits = held.processor.removeprefix("gfx")
    version = f"{digits[:-2]}.{int(digits[-2], 16)}.{int(digits[-1], 16)}"
    return f"set HSA_OVERRIDE_GFX_VERSION={version}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pruner.startup",
        description="See whether this machine's GPUs run the code that is left in this image.",
        epilog="exit status: 0 they do, or there is none to be seen; 1 none of them does; 2 no marker",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--marker", type=Path, default=Path("/") / IN_IMAGE, metavar="FILE", help="(default: %(default)s)")
    add("--sysfs", type=Path, default=gpus.SYSFS, metavar="DIR", help="the kernel's files (%(default)s)")
    add("--devices", type=Path, default=gpus.DEVICES, metavar="DIR", help="device files (%(default)s)")
    add("--libcuda", default=gpus.LIBCUDA, metavar="FILE", help="NVIDIA's driver library (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
