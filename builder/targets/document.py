"""A YAML text as plain values that know the lines on which they stand."""

import reprlib
from typing import TypeAlias

import yaml

Location: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[int, str]
_DEEPEST = 16
_KINDS = {
    "bool": "truth value (true or false)",
    "float": "number",
    "int": "whole number",
    "timestamp": "date",
}
"""YAML's names of plain values, as people say them."""


class Mapping(dict[str, object]):
    """A mapping, and the line of each of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}

    def put(self, key: str, line: int, value: object) -> None:
        self[key] = value
        self.lines[key] = line

    def but(self, left_out: str) -> "Mapping":
        """The same without one key."""
        rest = Mapping()
        for key in self:
            if key != left_out:
                rest.put(key, self.lines[key], self[key])
        return rest


class Sequence(list[object]):
    """A list, and the line of each of its items."""

    def __init__(self, items: list[object], lines: list[int]) -> None:
        super().__init__(items)
        self.lines = lines


class Document:
    """The values of a text, and what is wrong with its scalars and keys."""

    def __init__(self, text: str) -> None:
        """Raises yaml.YAMLError or RecursionError where it is no YAML."""
        self.problems: list[Problem] = []
        self._loader = yaml.SafeLoader("")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self.value = self._convert(root, ()) if root is not None else None

    def _convert(self, node: yaml.Node, location: Location) -> object:
        if len(location) > _DEEPEST:
            raise yaml.MarkedYAMLError(
                problem="nested too deep, or an alias inside itself", problem_mark=node.start_mark
            )
        if isinstance(node, yaml.SequenceNode):
            items = [self._convert(item, (*location, index)) for index, item in enumerate(node.value)]
            return Sequence(items, [item.start_mark.line + 1 for item in node.value])
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node, location)
        values = Mapping()
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in values:
                self.problems.append((line, f"{dotted((*location, key))}: the key stands twice"))
            values.put(key, line, self._convert(value_node, (*location, key)))
        return values

    def _scalar(self, node: yaml.Node, location: Location) -> object:
        """The value of a scalar; YAML's own readers fail in several ways on one that belies its tag."""
        try:
            value: object = self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            shown = reprlib.repr(node.value)
            line = node.start_mark.line + 1
            self.problems.append((line, f"{dotted(location)}: {shown} is no {_KINDS.get(kind, kind)}"))
            return None
        return value


def line_of(value: object, location: Location) -> int:
    """Where something stands, or else the nearest thing around it that does."""
    line = 1
    for part in location:
        if isinstance(value, Mapping) and part in value:
            line, value = value.lines[str(part)], value[str(part)]
        elif isinstance(value, Sequence) and isinstance(part, int) and part < len(value):
            line, value = value.lines[part], value[part]
        else:
            break
    return line


def dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)
