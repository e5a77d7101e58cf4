"""A model as a Modelfile, and its parameters as lines, in the way that `ollama show` prints them.

Clients read both: one takes the parameters apart with `^(\\S+)\\s+((?:".*")|\\S+)$` and reads what is quoted
as JSON, so each must stand on one line, whatever its text is."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from proxy.model import Manifest, Overlay

_KEY_WIDTH = 30


def parameter_lines(parameters: Mapping[str, Any]) -> str:
    return "\n".join(f"{name:<{_KEY_WIDTH}} {_literal(value)}" for name, value in _each(parameters))


def modelfile(manifest: Manifest, overlay: Overlay) -> str:
    """`overlay` may be the manifest's own with what a request lays over it."""
    name = manifest.name
    head = f"# Modelfile of {name}. To build on that model, replace FROM by:\n# FROM {name}\n\n"
    return head + "\n".join(_commands(manifest, overlay)) + "\n"


def _commands(manifest: Manifest, overlay: Overlay) -> Iterator[str]:
    yield f"FROM {manifest.base or manifest.name}"
    texts = {
        "TEMPLATE": overlay.template,
        "SYSTEM": overlay.system,
        "RENDERER": overlay.renderer,
        "PARSER": overlay.parser,
        "REQUIRES": overlay.requires,
    }
    yield from (f"{name} {_quoted(text)}" for name, text in texts.items() if text)
    yield from (f"PARAMETER {name} {_quoted(_plain(value))}" for name, value in _each(overlay.parameters))
    if manifest.license:
        yield f"LICENSE {_quoted(manifest.license)}"
    yield from (f"MESSAGE {message.role} {_quoted(message.content)}" for message in overlay.messages)


def _each(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value of a list stands alone."""
    for name, value in sorted(parameters.items()):
        yield from ((name, item) for item in (value if isinstance(value, list) else [value]))


def _literal(value: object) -> str:
    """As Go writes it in a program, and so that it is JSON too where it is a text."""
    return _go_quoted(value) if isinstance(value, str) else _plain(value)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _go_quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in quoted)


def _quoted(text: str) -> str:
    """As the Modelfile's reader takes a text with line breaks, quotes or spaces around it."""
    if "\n" not in text and text == text.strip(" ") and not text.startswith('"'):
        return text
    return f'"""{text}"""' if '"' in text or "\n" in text else f'"{text}"'
