"""Templates come from clients: whatever they say, they take little and break nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialect.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction
from proxy.dialect.prompts.template import Template, TemplateError, budget
from proxy.dialect.prompts.template.budget import MAX_DEPTH, MAX_NESTING, MAX_VALUE_DEPTH
from proxy.dialect.prompts.template.prompt import prompt_of

VALUES: dict[str, Any] = {
    "Text": "Zo\u00eb",
    "Long": "x" * 1_000_000,
    "List": [1, 2.5, None, "a", True],
    "Map": {"a": {"b": []}},
}

HOSTILE = [
    "{{ range 1000000000000 }}{{ end }}",
    "{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}",
    "{{ $x := `ab` }}{{ range 1000 }}{{ $x = print $x $x }}{{ end }}",
    "{{ range 1000000 }}{{ $x := printf `%10000d` 1 }}{{ end }}",
    "{{ range 1000000 }}{{ if eq $.Long $.Long }}{{ end }}{{ end }}",
    "{{ range 1000000 }}{{ $x := slice $.Long 1 | len }}{{ end }}",
    "{{ range 1000000 }}{{ $x := printf `%.1q` $.Long }}{{ end }}",
    "{{ range 1000000 }}{{ $x := json $ }}{{ end }}",
    "{{ range 1000000 }}{{ $x := html $.Long }}{{ end }}",
    "{{ range 1000000 }}{{ $x := print $ }}{{ end }}",
    "{{ range 1000000 }}{{ $.Long }}{{ end }}",
    "{{ $x := .None }}{{ range 1000000 }}{{ $x" + ".x" * 10_000 + " }}{{ end }}",
    "{{ range 1000000 }}{{ and" + " 1" * 10_000 + " }}{{ end }}",
    "{{ define `a` }}{{ template `a` . }}{{ template `a` . }}{{ end }}{{ template `a` . }}",
    "{{ define `a` }}{{ range 9 }}{{ template `a` . }}{{ end }}{{ end }}{{ template `a` . }}",
    "{{ template `` . }}",
]


@pytest.mark.parametrize("template", HOSTILE, ids=lambda template: template[:60])
def test_a_rendering_has_bounds(template: str) -> None:
    parsed = Template.parse(template)
    with pytest.raises(TemplateError, match=r"too many steps|too long a text|levels within each other"):
        parsed.render(VALUES)


NOT_PARSED = [
    "x" * (budget.MAX_TEMPLATE_CHARACTERS + 1),
    "{{ if . }}" * (MAX_NESTING + 1) + "{{ end }}" * (MAX_NESTING + 1),
    "{{ if . }}" * 5000,
    "{{ " + "(" * 5000 + "." + ")" * 5000 + " }}",
    "".join(f"{{{{ $x{number} := 1 }}}}" for number in range(budget.MAX_VARIABLES + 1)),
    "{{ " + "1" * 100_000 + " }}",
    "{{ 0x" + "f" * 100_000 + "p1 }}",
]


@pytest.mark.parametrize("template", NOT_PARSED, ids=lambda template: template[:30])
def test_what_is_too_large_to_parse(template: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(template)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["%10001d", "%.10001f", "%999999999999d", "%*d"])
def test_printf_pads_little(pattern: str) -> None:
    with pytest.raises(TemplateError, match="a width of more than"):
        Template.parse(f"{{{{ printf `{pattern}` 99999999 1 }}}}").render({})


@contextmanager
def deep_in_the_stack(frames: int) -> Iterator[Callable[[Callable[[], object]], object]]:
    def descend(left: int, call: Callable[[], object]) -> object:
        return descend(left - 1, call) if left else call()

    yield lambda call: descend(frames, call)


def nested(depth: int) -> Any:  # noqa: ANN401 - JSON
    value: Any = 1
    for level in range(depth):
        value = {"a": value} if level % 2 else [value]
    return value


AS_DEEP_AS_ALLOWED = [
    "{{ define `a` }}{{ if . }}{{ template `a` (slice . 1) }}{{ end }}{{ end }}{{ template `a` .Word }}",
    "{{ " + "(len (slice " * (MAX_NESTING // 2 - 1) + ".Word" + "))" * (MAX_NESTING // 2 - 1) + " }}",
    "{{ if . }}" * (MAX_NESTING - 1) + "{{ json .Deep }}{{ .Deep }}" + "{{ end }}" * (MAX_NESTING - 1),
    "{{ json .Deep }}{{ printf `%#v` .Deep }}",
    "{{ json .Deeper }}",
    "{{ .Deeper }}",
]


@pytest.mark.parametrize("template", AS_DEEP_AS_ALLOWED, ids=lambda template: template[:40])
def test_the_stack_is_deep_enough(template: str) -> None:
    values = {
        "Word": "x" * MAX_DEPTH,
        "Deep": nested(MAX_VALUE_DEPTH),
        "Deeper": nested(10 * MAX_VALUE_DEPTH),
    }

    def render() -> None:
        try:
            Template.parse(template).render(values)
        except TemplateError:
            return

    spare = sys.getrecursionlimit() // 4
    with deep_in_the_stack(spare) as call:
        call(render)


PIECES = st.sampled_from(
    [
        *(
            "{{",
            "}}",
            "{{- ",
            " -}}",
            "{{/*",
            "*/}}",
            " ",
            "\n",
            "(",
            ")",
            "|",
            ".",
            ",",
            "=",
            ":=",
            "$",
            "$x",
        ),
        *("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue", "nil"),
        *(
            ".Text",
            ".List",
            ".Map",
            ".Map.a.b",
            "$.Text",
            "$x.y",
            '"a"',
            "`b`",
            "'c'",
            "1",
            "-2",
            "1.5",
            "0x",
            "e",
        ),
        *("eq", "lt", "and", "or", "not", "len", "index", "slice", "print", "printf", "json", "html", "js"),
        *(
            '"%5d|%s|%v"',
            '"%q%x%*d"',
            '"%[1]d"',
            '"%+v%#v%T"',
            "true",
            "{{ end }}",
            "{{ range .List }}",
            "\ud800",
        ),
        *(
            "{{ if .Text }}",
            "{{ else }}",
            "{{ $x := 1 }}",
            "{{ with .Map }}",
            '{{ define "t" }}',
            "\udc80",
            "\\",
        ),
    ]
)
WRITTEN = st.text(max_size=60) | st.lists(PIECES, max_size=40).map("".join)


def said_of(text: str, values: dict[str, Any]) -> tuple[str, str]:
    """What came out, and what went wrong."""
    try:
        return Template.parse(text).render(values), ""
    except TemplateError as error:
        return "", str(error)


@given(WRITTEN | WRITTEN.map("{{{{ {} }}}}".format))
def test_nothing_else_is_raised(text: str) -> None:
    output, problem = said_of(text, VALUES)
    output.encode()
    assert "\n" not in problem


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "anyOf", "items", "enum", "required", "$defs", "x"]), inner
        )
    ),
    max_leaves=8,
)
EVERYTHING = Template.parse(
    "{{ range .Messages }}{{ . }}{{ json . }}{{ range .ToolCalls }}{{ range .Function.Arguments }}{{ . }}"
    "{{ end }}{{ end }}{{ end }}{{ .Tools }}{{ range .Tools }}{{ with .Function.Parameters }}{{ .Defs }}"
    "{{ range .Properties }}{{ . }}{{ .Type }}{{ toTypeScriptType . }}{{ json .Enum }}{{ .Properties }}"
    "{{ range .AnyOf }}{{ . }}{{ end }}{{ end }}{{ end }}{{ end }}"
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=5), JSON), st.dictionaries(st.sampled_from(["type", "properties"]), JSON)
)
def test_tools_of_every_shape_are_rendered(arguments: dict[str, Any], parameters: dict[str, Any]) -> None:
    call = ToolCall(function=ToolCallFunction(name="f", arguments=arguments))
    tool = Tool(function=ToolFunction(name="f", parameters=parameters))
    message = Message(role="assistant", tool_calls=[call])
    assert prompt_of(EVERYTHING, messages=[message], tools=[tool])


class Trap:
    """An object of ours that strayed into the values."""

    secret = "s"


@pytest.mark.parametrize("name", ["secret", "__class__", "__dict__", "upper", "items"])
@pytest.mark.parametrize("value", [Trap(), "text", [1], {"a": 1}, 3])
def test_no_attribute_is_ever_looked_up(name: str, value: object) -> None:
    output, problem = said_of(f"{{{{ .Value.{name} }}}}", {"Value": value})
    assert output == "<no value>" or "cannot evaluate field" in problem
