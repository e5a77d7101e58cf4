"""Reading targets.yaml: every problem at once, each with its line, its value and what is allowed."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from builder.errors import ConfigError
from builder.targets.document import Document, Location, Problem, dotted, line_of
from builder.targets.inherit import InheritanceError, inherit
from builder.targets.model import Catalog


def load_catalog(path: Path) -> Catalog:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {path.name}: {error}", hint="restore it from the repository"
        ) from error
    document = _parse(text, path.name)
    try:
        return Catalog.model_validate(document)
    except ValidationError as error:
        problems = [_describe(detail, document) for detail in error.errors()]
        raise _as_error(_once(problems), path.name) from None


def _parse(text: str, file: str) -> object:
    """The values of the text, every target whole."""
    try:
        document = Document(text)
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
    try:
        return inherit(document.value)
    except InheritanceError as error:
        raise _as_error([(error.line, error.message)], file) from None


def _describe(detail: ErrorDetails, document: object) -> Problem:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    explain = _EXPLANATIONS.get(detail["type"], _plain)
    return line_of(document, location), f"{dotted(location) or 'the file'}: {explain(detail, location)}"


def _once(problems: list[Problem]) -> list[Problem]:
    """What is wrong with a family is so for each of its targets, and said of the first."""
    found: dict[tuple[int, str], Problem] = {}
    for line, text in problems:
        found.setdefault((line, text.partition(": ")[2]), (line, text))
    return list(found.values())


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


def _as_error(problems: list[Problem], file: str) -> ConfigError:
    hint = "the keys and their meaning are in targets.schema.json; editors show them as you type"
    lines = [f"{file}:{line}: {text}" for line, text in sorted(problems)]
    if len(lines) == 1:
        return ConfigError(lines[0], hint=hint)
    return ConfigError(f"{file} has {len(lines)} errors", hint=hint, evidence=lines)
