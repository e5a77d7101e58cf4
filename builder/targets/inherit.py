"""Targets of a family say only what is their own: the rest is in `families`, a template for each.

Mappings merge, lists add up with the family's in front, and a plain value takes the place of another. A
family may stand on one more by `extends`.
"""

from builder.targets.document import Mapping, Sequence

FAMILIES = "families"
_ABOVE = "extends"


class InheritanceError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def inherit(document: object) -> object:
    """The document with every target whole, and without the templates."""
    if not isinstance(document, Mapping):
        return document
    families, targets = document.get(FAMILIES, Mapping()), document.get("targets")
    if not isinstance(families, Mapping):
        raise InheritanceError(document.lines[FAMILIES], f"{FAMILIES}: must be a mapping of templates")
    if not isinstance(targets, Mapping):
        return document
    whole = Mapping()
    for name in targets:
        whole.put(name, targets.lines[name], _whole(targets[name], families))
    rest = Mapping()
    for key in document:
        if key != FAMILIES:
            rest.put(key, document.lines[key], whole if key == "targets" else document[key])
    return rest


def _whole(target: object, families: Mapping) -> object:
    for template in _above(target, "family", families):
        target = _merged(template, target)
    return target


def _above(target: object, key: str, families: Mapping) -> list[Mapping]:
    """The templates that something stands on, the nearest first."""
    found: dict[str, Mapping] = {}
    while isinstance(target, Mapping) and isinstance(target.get(key), str):
        name, line = str(target[key]), target.lines[key]
        template = families.get(name)
        if not isinstance(template, Mapping):
            raise InheritanceError(line, f"there is no family {name!r}; families are {', '.join(families)}")
        if name in found:
            raise InheritanceError(line, f"family {name!r} stands on itself")
        found[name] = template.but(_ABOVE)
        target, key = template, _ABOVE
    return list(found.values())


def _merged(low: object, high: object) -> object:
    if isinstance(low, Mapping) and isinstance(high, Mapping):
        result = Mapping()
        for key in {**low, **high}:
            home = high if key in high else low
            both = key in low and key in high
            result.put(key, home.lines[key], _merged(low[key], high[key]) if both else home[key])
        return result
    if isinstance(low, Sequence) and isinstance(high, Sequence):
        return Sequence([*low, *high], [*low.lines, *high.lines])
    return high
