"""Reading targets.yaml: every problem at once, each with its line, its value and what is allowed."""

import difflib
import reprlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import TypeAlias, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from builder.errors import ConfigError, UsageError
from builder.targets.model import Catalog, Target

Location: TypeAlias = tuple[str | int, ...]
_Problem: TypeAlias = tuple[int, str]
_DEEPEST = 16
_KINDS = {
    "bool": "truth value (true or false)",
    "float": "number",
    "int": "whole number",
    "timestamp": "date",
}
"""YAML's names of plain values, as people say them."""


def load_catalog(path: Path) -> Catalog:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path.name}: {error}", hint="restore it from the repository"
        ) from error
    document = _parse(text, path.name)
    try:
        return Catalog.model_validate(document.value)
    except ValidationError as error:
        problems = [_describe(detail, document) for detail in error.errors()]
        raise _as_error(problems, path.name) from None


def pick_target(catalog: Catalog, name: str) -> Target:
    """The target of that name, or an error that offers the nearest one and the list."""
    if name in catalog.targets:
        return catalog.targets[name]
    known = ", ".join(catalog.targets)
    near = difflib.get_close_matches(name.lower(), catalog.targets, n=1, cutoff=0.4)
    guess = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"there is no target {name!r}", hint=f"{guess}known targets: {known}")


class _Document:
    """Plain values of a YAML text, and the line on which each of them stands."""

    def __init__(self) -> None:
        self.value: object = None
        self.lines: dict[Location, int] = {}
        self.problems: list[_Problem] = []

    def line(self, location: Location) -> int:
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def _parse(text: str, file: str) -> _Document:
    document = _Document()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        loader = yaml.SafeLoader("")
        document.value = _convert(root, (), document, loader) if root is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{file}:{line}: not valid YAML: {error.problem}", hint="check the indent and quotes there"
        ) from None
    except RecursionError:
        raise ConfigError(
            f"{file}: not valid YAML: nested too deep", hint="see targets.schema.json"
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{file}: not valid YAML: {error}", hint="the file must be plain UTF-8 text"
        ) from None
    if document.problems:
        raise _as_error(document.problems, file)
    return document


def _convert(node: yaml.Node, location: Location, document: _Document, loader: yaml.SafeLoader) -> object:
    document.lines.setdefault(location, node.start_mark.line + 1)
    if len(location) > _DEEPEST:
        raise yaml.MarkedYAMLError(
            problem="nested too deep, or an alias inside itself", problem_mark=node.start_mark
        )
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*location, index), document, loader) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node, location, document, loader)
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = key_node.start_mark.line + 1
        if key in values:
            document.problems.append((line, f"{_dotted((*location, key))}: the key stands twice"))
        document.lines[(*location, key)] = line
        values[key] = _convert(value_node, (*location, key), document, loader)
    return values


def _scalar(node: yaml.Node, location: Location, document: _Document, loader: yaml.SafeLoader) -> object:
    """The value of a scalar; YAML's own readers fail in several ways on one that belies its tag."""
    try:
        value: object = loader.construct_object(node)
    except (ValueError, LookupError, AttributeError):
        kind = node.tag.rpartition(":")[2]
        shown = reprlib.repr(node.value)
        line = node.start_mark.line + 1
        document.problems.append((line, f"{_dotted(location)}: {shown} is no {_KINDS.get(kind, kind)}"))
        return None
    return value


def _describe(detail: ErrorDetails, document: _Document) -> _Problem:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    explain = _EXPLANATIONS.get(detail["type"], _plain)
    return document.line(location), f"{_dotted(location) or 'the file'}: {explain(detail, location)}"


def _unknown_key(_detail: ErrorDetails, location: Location) -> str:
    key, allowed = str(location[-1]), sorted(_allowed_keys(location[:-1]))
    near = difflib.get_close_matches(key, allowed, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key {key!r}{guess}; allowed are {', '.join(allowed)}"


def _missing_key(_detail: ErrorDetails, _location: Location) -> str:
    return "this key is required and absent"


def _not_a_choice(detail: ErrorDetails, _location: Location) -> str:
    return f"{detail['input']!r} is not allowed; use {detail['ctx']['expected']}"


def _not_a_pattern(detail: ErrorDetails, _location: Location) -> str:
    return f"{detail['input']!r} does not have the form {detail['ctx']['pattern']}"


def _rule(detail: ErrorDetails, _location: Location) -> str:
    return str(detail["ctx"]["error"])


def _plain(detail: ErrorDetails, _location: Location) -> str:
    value = detail["input"]
    shown = f" (got {value!r})" if not isinstance(value, Mapping | list) else ""
    return detail["msg"][0].lower() + detail["msg"][1:] + shown


_EXPLANATIONS = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "literal_error": _not_a_choice,
    "string_pattern_mismatch": _not_a_pattern,
    "value_error": _rule,
}


def _allowed_keys(location: Location) -> list[str]:
    """The keys that the model at a location of the file knows."""
    kind: object = Catalog
    for part in location:
        kind = _step_into(kind, part)
    return [name for model in _models(kind) for name in model.model_fields]


def _step_into(kind: object, part: str | int) -> object:
    for model in _models(kind):
        if part in model.model_fields:
            return model.model_fields[str(part)].annotation
    return get_args(kind)[-1] if get_origin(kind) in (dict, list) else None


def _models(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in (Union, UnionType):
        for option in get_args(kind):
            yield from _models(option)


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _as_error(problems: list[_Problem], file: str) -> ConfigError:
    hint = "the keys and their meaning are in targets.schema.json; editors show them as you type"
    lines = [f"{file}:{line}: {text}" for line, text in sorted(problems)]
    if len(lines) == 1:
        return ConfigError(lines[0], hint=hint)
    return ConfigError(f"{file} has {len(lines)} errors", hint=hint, evidence=lines)
