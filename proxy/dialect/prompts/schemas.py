"""JSON schemas as the engine's grammars take them.

Ollama's grammar passes over what it does not know. The engine's refuse it, and with it schemas that many
libraries write: a set is an array of `uniqueItems`, a path is a string of a `format` of its own."""

from typing import Any

# What every grammar of the engine's knows.
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}
)
_PASSED_OVER = frozenset({"uniqueItems", "contains", "minContains", "maxContains"})
# Beside these, names of properties are not looked at.
_NAMING = frozenset({"properties", "patternProperties"})
# Where names stand for schemas, and where values are no schemas.
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES = frozenset({"enum", "const", "default", "examples", "required"})


def eased(schema: Any) -> Any:  # noqa: ANN401 - a schema, or what stands in the place of one
    """The schema without what Ollama would pass over."""
    if isinstance(schema, list):
        return [eased(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _eased_field(key, value) for key, value in schema.items() if _stays(key, value, schema)}


def _stays(key: str, value: object, schema: dict[str, Any]) -> bool:
    if key == "format":
        return not isinstance(value, str) or value in _FORMATS
    if key == "propertyNames":
        return schema.keys().isdisjoint(_NAMING)
    return key not in _PASSED_OVER


def _eased_field(key: str, value: Any) -> Any:  # noqa: ANN401 - whatever a schema holds there
    if key in _VALUES:
        return value
    if key in _BY_NAME and isinstance(value, dict):
        return {name: eased(schema) for name, schema in value.items()}
    return eased(value)
