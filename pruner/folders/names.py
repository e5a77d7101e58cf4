"""AMD chips in the names of files and folders, always as whole tokens: gfx90 is not in gfx906, gfx110x is not gfx1100."""

import re
from dataclasses import dataclass

from pruner.archs import GENERICS, Gfx

Features = tuple[tuple[str, str], ...]

_FEATURES = re.compile(r"[:_-](xnack|sramecc)([+-])")
_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])"
    r"gfx(?P<digits>[0-9a-f]+[xX]{0,2})(?P<minor>-[0-9])?(?P<generic>[-_]generic)?"
    r"(?P<features>(?:[:_-](?:xnack|sramecc)[+-])*)"
    r"(?![0-9A-Za-z])"
)
_PROCESSOR = re.compile(r"[3-9][0-9a-f]{2}|[1-9][0-9][0-9a-f]{2}")
_FAMILY = re.compile(r"[3-9][0-9]?|[1-9][0-9][0-9]?|[3-9][0-9]?[xX]{1,2}|[1-9][0-9][0-9]?[xX]{1,2}")
"""Only the beginning of a processor's number: gfx9, gfx103, gfx94X, gfx110x, gfx11xx."""


@dataclass(frozen=True, order=True)
class Name:
    """A chip as a name says it, or a family of chips."""

    text: str
    """`gfx1100`, `gfx11-generic`, `gfx110x`; without features."""
    features: Features = ()
    members: frozenset[str] | None = None
    """The processors of a generic name."""
    beginning: str = ""
    """Of a family's processors."""

    @property
    def label(self) -> str:
        return self.text + "".join(f":{name}{sign}" for name, sign in self.features)

    def is_for(self, gfx: Gfx) -> bool:
        """Whether this is the chip itself or a family with it, its features not contradicting what is asked for."""
        return self.covers(gfx.processor) and self._allows(gfx)

    def serves(self, gfx: Gfx) -> bool:
        """Whether this is generic code that also runs on the chip."""
        return bool(self.members) and gfx.processor in (self.members or ()) and self._allows(gfx)

    def covers(self, processor: str) -> bool:
        if self.beginning:
            return processor.startswith(self.beginning)
        return processor == self.text

    def _allows(self, gfx: Gfx) -> bool:
        asked = dict(gfx.features)
        return all(asked.get(name, sign) == sign for name, sign in self.features)


def names_in(text: str) -> tuple[Name, ...]:
    """Every chip named in one part of a path."""
    found = (_name(match) for match in _TOKEN.finditer(text))
    return tuple(name for name in found if name is not None)


def name_of(label: str) -> Name | None:
    """The chip that a label of device code stands for: `gfx90a:xnack+`; None where it is no AMD chip's."""
    match = _TOKEN.fullmatch(label)
    return _name(match) if match else None


def _name(match: re.Match[str]) -> Name | None:
    digits = match["digits"]
    features = tuple(sorted(_FEATURES.findall(match["features"])))
    if match["generic"]:
        text = f"gfx{digits}{match['minor'] or ''}-generic"
        return Name(text, features, members=GENERICS.get(text, frozenset()))
    if match["minor"]:
        return None
    if _PROCESSOR.fullmatch(digits):
        return Name(f"gfx{digits}", features)
    if _FAMILY.fullmatch(digits):
        return Name(f"gfx{digits}", features, beginning="gfx" + digits.rstrip("xX"))
    return None
