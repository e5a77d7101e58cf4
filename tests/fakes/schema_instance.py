"""One instance of a JSON schema, as a model that is held to the schema would write it."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

# A schema may hold itself: what is this deep is left out where it can be.
_DEEPEST = 6


def instance(schema: Schema, name: str = "value") -> Any:  # noqa: ANN401 - any JSON value
    """The same one every time. `name` is what the value is called, which texts say."""
    return _Writer(schema).write(schema, name, 0)


class _Writer:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def write(self, schema: Schema, name: str, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        return self._by_kind(_kind(schema), schema, name, depth)

    def _by_kind(self, kind: str, schema: Schema, name: str, depth: int) -> Any:  # noqa: ANN401
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return f"a {name.replace('_', ' ')}".ljust(schema.get("minLength", 0), ".")
            case "integer" | "number":
                return _number(schema)
        return True if kind == "boolean" else None

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.write(value, name, depth + 1)
            for name, value in schema.get("properties", {}).items()
            if name in required or depth < _DEEPEST
        }

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        count = max(schema.get("minItems", 0), 0 if depth > _DEEPEST else 1)
        return [self.write(schema.get("items", {"type": "string"}), name, depth + 1) for _ in range(count)]

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        if "$ref" in schema:
            target: Any = self._root
            for key in schema["$ref"].removeprefix("#/").split("/"):
                target = target[key]
            return self._resolved(target, depth)
        for word in ("anyOf", "oneOf", "allOf"):
            if schema.get(word):
                return self._resolved(_choice(schema[word], depth), depth)
        return schema


def _choice(schemas: list[Schema], depth: int) -> Schema:
    """Something rather than nothing, until it gets too deep."""
    nothing = [schema for schema in schemas if schema.get("type") == "null"]
    something = [schema for schema in schemas if schema.get("type") != "null"]
    return (nothing + something if depth >= _DEEPEST else something + nothing)[0]


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "string"
    return str(kind)


def _number(schema: Schema) -> int:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 2**31))
    return int(min(max(low, 1), high))
