"""How the files of a folder serve the chips that are asked for."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pruner.archs import Gfx, Sm
from pruner.folders.form import Form
from pruner.folders.names import Name
from pruner.formats.base import Match

_PREFERENCE = (Match.EXACT, Match.FAMILY, Match.GENERIC, Match.INTERMEDIATE)


@dataclass(frozen=True)
class Service:
    """How a folder serves one chip, and the names of files that stay for it."""

    chip: str
    match: Match
    staying: frozenset[Name]
    lacks: str = ""
    """What there is code for the chip without, so that the code cannot be found."""

    @property
    def complaint(self) -> str:
        if self.match is not Match.NONE:
            return ""
        return f"no {self.lacks or 'code'} for {self.chip}"


def serve(chip: Gfx | Sm, form: Form, offer: Iterable[Name], files: Collection[str]) -> Service:
    """The best of what is offered; all that a chip can run where files are not chosen by its name.

    Code that lacks its index stays, and does not serve.
    """
    asked = chip.processor if isinstance(chip, Gfx) else str(chip)
    fitting: dict[Match, list[Name]] = {}
    for name in sorted(offer):
        fitting.setdefault(name.match(chip), []).append(name)
    staying: set[Name] = set()
    lacks: list[str] = []
    for match in filter(fitting.__contains__, _PREFERENCE):
        staying.update(fitting[match])
        called = {name.label if match is Match.GENERIC else asked for name in fitting[match]}
        missing = [form.lacks(files, label) for label in sorted(called)]
        if all(missing):
            lacks += missing
            continue
        if form.anywhere:
            staying.update(name for name in offer if name.match(chip) is not Match.NONE)
        return Service(str(chip), match, frozenset(staying))
    return Service(str(chip), Match.NONE, frozenset(staying), next(iter(lacks), ""))


def refusal(services: Sequence[Service], offer: Iterable[Name]) -> str:
    """Why nothing may go: pruned to these chips, the folder would be empty."""
    if any(service.match is not Match.NONE for service in services):
        return ""
    there = ", ".join(sorted({name.label for name in offer}))
    return f"{'; '.join(service.complaint for service in services)}; it has {there}"


def unserved(services: Iterable[Service]) -> list[str]:
    return [service.complaint for service in services if service.complaint]
