"""Which code an AMD chip runs.

exact          the processor itself, in every form of a feature that the chip was not named with
generic        compiled for a family of processors: `gfx11-generic`
intermediate   SPIR-V, which the runtime compiles

The first of these that a bundle has stays, all of it; the rest goes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pruner.archs import GENERICS, Gfx
from pruner.formats.base import Choice, Match

SPIRV = "amdgcnspirv"
_PREFERENCE = (Match.EXACT, Match.GENERIC, Match.INTERMEDIATE)
_LABEL = re.compile(
    r"(?P<processor>gfx[0-9]+(?:-[0-9]+)*-generic|gfx[0-9][0-9a-f]*|amdgcnspirv)"
    r"(?P<features>(?:[:-](?:sramecc|xnack)[+-])*)"
)
_FEATURE = re.compile(r"(sramecc|xnack)([+-])")


@dataclass(frozen=True)
class Code:
    """What a piece of code was compiled for."""

    processor: str
    features: tuple[tuple[str, str], ...] = ()
    """A feature that is not named may be on or off."""


def read_label(label: str) -> Code | None:
    """What a label or a part of a file name says: `gfx90a:xnack+`, or `gfx90a-xnack+`; None: no such name."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    return Code(found["processor"], tuple(sorted(_FEATURE.findall(found["features"]))))


def match(code: Code, target: Gfx) -> Match:
    """How this code serves the chip."""
    if code.processor == SPIRV:
        return Match.INTERMEDIATE
    if _contradicts(code, target):
        return Match.NONE
    if code.processor == target.processor:
        return Match.EXACT
    return Match.GENERIC if target.processor in GENERICS.get(code.processor, ()) else Match.NONE


def choose(codes: Sequence[Code | None], targets: Sequence[Gfx]) -> Choice:
    """What of one bundle stays for these chips. None stands for what stays in any case, and serves nobody."""
    kept = {index for index, code in enumerate(codes) if code is None}
    serves = []
    for target in targets:
        matches = {index: match(code, target) for index, code in enumerate(codes) if code is not None}
        best = next((how for how in _PREFERENCE if how in matches.values()), Match.NONE)
        if best is not Match.NONE:
            kept |= {index for index, how in matches.items() if how is best}
        serves.append((str(target), best))
    return Choice(tuple(sorted(kept)), tuple(serves))


def _contradicts(code: Code, target: Gfx) -> bool:
    asked = dict(target.features)
    return any(asked.get(name, sign) != sign for name, sign in code.features)
