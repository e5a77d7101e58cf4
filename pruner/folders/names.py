"""What files and folders are called after: chips, always as whole tokens.

gfx90 is no part of gfx906, and gfx110x is not gfx1100 but a family with it. What this room calls a name is
a chip, or several, as something says it, be it a file's name or its inside.
"""

import re
from dataclasses import dataclass

from pruner.archs import GENERICS, Gfx, Sm
from pruner.formats.base import Match
from pruner.select import amd, nvidia

_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])"
    r"(?P<processor>gfx(?P<digits>[0-9a-f]+[xX]{0,2})(?:(?:-(?P<minor>[0-9]))?[-_](?P<generic>generic))?)"
    r"(?P<features>(?:[:_-](?:xnack|sramecc)[+-])*)"
    r"(?![0-9A-Za-z])"
)
_FEATURE = re.compile(r"(xnack|sramecc)([+-])")
PROCESSOR = re.compile(r"[3-9][0-9a-f]{2}|1[0-9][0-9a-f]{2}")
"""What follows `gfx` in the name of one processor."""
_FAMILY = re.compile(r"(?P<begin>[3-9][0-9]?|1[0-9][0-9a-f]?)[xX]{0,2}")
"""Only the beginning of a processor's number: gfx9, gfx94X, gfx103, gfx110x, gfx11xx."""


@dataclass(frozen=True, order=True)
class Name:
    label: str
    """What a report calls it: `gfx1100`, `gfx90a:xnack+`, `gfx110x`, `gfx11-generic`, `sm_90`."""
    family: str = ""
    """How the processors of a family begin, where it names one."""

    def match(self, chip: Gfx | Sm) -> Match:
        """How something called this serves the chip."""
        if isinstance(chip, Sm):
            code = nvidia.read_label(self.label)
            return nvidia.match(code, chip) if code else Match.NONE
        if self.family:
            return Match.EXACT if chip.processor.startswith(self.family) else Match.NONE
        compiled = amd.read_label(self.label)
        return amd.match(compiled, chip) if compiled else Match.NONE

    def agrees(self, inside: "Name") -> bool:
        """Whether a file called this may hold what its inside says."""
        compiled, called = amd.read_label(inside.label), amd.read_label(self.label)
        if compiled is None:
            return self.label == inside.label
        if self.family:
            return compiled.processor.startswith(self.family)
        if called is None:
            return False
        signs = dict(called.features)
        if any(signs.get(name, sign) != sign for name, sign in compiled.features):
            return False
        return called.processor in {compiled.processor, *GENERICS.get(compiled.processor, ())}


def names_in(text: str) -> tuple[Name, ...]:
    """Every chip named in one part of a path, and every family of chips that is known here."""
    found = (_read(token) for token in _TOKEN.finditer(text))
    return tuple(name for name in found if name)


def known(label: str) -> Name | None:
    """What a label of device code stands for; None where this room cannot say whom it serves."""
    token = _TOKEN.fullmatch(label)
    if token:
        return _read(token)
    readable = label == amd.SPIRV or nvidia.read_label(label)
    return Name(label) if readable else None


def cut_before_name(text: str) -> str | None:
    """What stands before the first chip named in it; None: it names none."""
    token = next((token for token in _TOKEN.finditer(text) if _read(token)), None)
    return text[: token.start()] if token else None


def _read(token: re.Match[str]) -> Name | None:
    digits = token["digits"]
    if token["generic"]:
        minor = f"-{token['minor']}" if token["minor"] else ""
        generic = f"gfx{digits}{minor}-generic"
        return Name(generic) if generic in GENERICS else None
    if PROCESSOR.fullmatch(digits):
        features = sorted(_FEATURE.findall(token["features"]))
        return Name(f"gfx{digits}" + "".join(f":{name}{sign}" for name, sign in features))
    family = _FAMILY.fullmatch(digits)
    return Name(f"gfx{digits}", family=f"gfx{family['begin']}") if family else None
