"""Schemas without what no grammar of the engine's knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialect.prompts.schemas import eased

SECRET = {"type": "string", "format": "password"}
TEXT = {"type": "string"}
SET = {"type": "array", "items": SECRET, "uniqueItems": True}
LIST = {"type": "array", "items": TEXT}


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        ({}, {}),
        (True, True),
        (SECRET, TEXT),
        (SET, LIST),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "integer", "format": "int32"}, {"type": "integer"}),
        ({"type": "array", "contains": {}, "minContains": 1, "maxContains": 2}, {"type": "array"}),
        ({"anyOf": [SET, {"type": "null"}]}, {"anyOf": [LIST, {"type": "null"}]}),
        (
            {"$defs": {"contains": SET}, "$ref": "#/$defs/contains"},
            {"$defs": {"contains": LIST}, "$ref": "#/$defs/contains"},
        ),
        (
            {"additionalProperties": SECRET, "propertyNames": SECRET},
            {"additionalProperties": TEXT, "propertyNames": TEXT},
        ),
        ({"properties": {"a": True}, "propertyNames": TEXT}, {"properties": {"a": True}}),
        ({"prefixItems": [SET], "items": False}, {"prefixItems": [LIST], "items": False}),
    ],
)
def test_what_is_left(schema: object, left: object) -> None:
    assert eased(schema) == left


def test_names_and_values_are_no_keywords() -> None:
    schema = {
        "properties": {"format": TEXT, "uniqueItems": TEXT, "contains": TEXT},
        "required": ["format", "uniqueItems"],
        "enum": [{"format": "x", "uniqueItems": 1}],
        "const": {"format": "x"},
        "default": {"contains": 1},
        "examples": [{"contains": 1}],
    }
    assert eased(schema) == schema


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "format", "properties", "items", "enum", "contains"]), inner
        )
    ),
    max_leaves=10,
)


@given(json_values)
def test_nothing_else_changes_and_nothing_more_is_left(value: object) -> None:
    once = eased(value)
    assert eased(once) == once
    assert type(once) is type(value)
