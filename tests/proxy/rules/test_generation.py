"""What is said of chats and generations that cannot be."""

from collections.abc import Iterator

from tests.proxy.conftest import Stack
from tests.proxy.rules.table import ABLE, EMBEDS, PLAIN, Json, Row, rows

CHAT, GENERATE = "POST /api/chat", "POST /api/generate"
# A request of either route that would be answered.
WHOLE: dict[str, Json] = {
    CHAT: {"model": ABLE, "messages": [{"role": "user", "content": "x"}]},
    GENERATE: {"model": ABLE, "prompt": "x"},
}
KINDS = {CHAT: "ChatRequest", GENERATE: "GenerateRequest"}
FULL = "registry.ollama.ai/library/plain:latest"
THINK = '"high", "medium", "low", "max", true, or false'


# What is sent, and what errors call it.
Values = tuple[tuple[object, str], ...]


def both(change: Json, text: str) -> Iterator[Row]:
    for route, whole in WHOLE.items():
        yield Row(route, whole | change, 400, text.replace("KIND", KINDS[route]))


def mistyped(field: str, wanted: str, *values: tuple[object, str]) -> Iterator[Row]:
    for value, found in values:
        told = f"json: cannot unmarshal {found} into Go struct field KIND.{field} of type {wanted}"
        yield from both({field: value}, told)


def names() -> Iterator[Row]:
    yield Row(CHAT, {}, 400, "model is required")
    yield Row(CHAT, {"model": "  "}, 400, "model is required")
    yield Row(GENERATE, {}, 404, "model '' not found")
    yield Row(GENERATE, {"model": "  "}, 404, "model '  ' not found")
    for route, whole in WHOLE.items():
        for name in (
            "foo",
            "foo:latest",
            "hf.co/a/b:Q4_K_M",
            "Foo:1b",
            "able:other",
            "x" * 80,
            "https://h/n/m",
        ):
            yield Row(route, whole | {"model": name}, 404, f"model '{name}' not found")
        for name in (
            *("a b", "../x", "..", "/etc/passwd", "a/../b", "a//b", "a/b/c/d", "a\0b", "x" * 81, "a:", ":a"),
            *("-a", ".a", "a:b:c", "n.s/m", "\u00e9", "a\nb", "a@sha256:0", ":cloud", ":local", "https://a"),
        ):
            yield Row(route, whole | {"model": name}, 400, "invalid model name")
        for name in ("x:local:cloud", "x:8b-cloud:local"):
            told = f'use either :local or :cloud, not both: "{name}"'
            yield Row(route, whole | {"model": name}, 400, told)
        for name in ("gpt-oss:cloud", "gpt-oss:20b-cloud", "able:cloud"):
            told = "ollama cloud is disabled: remote model is unavailable"
            yield Row(route, whole | {"model": name}, 403, told)


@rows(names())
def test_names(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def test_a_model_that_is_to_run_here_does(ruled: Stack) -> None:
    told = ruled.client.post("/api/generate", json={"model": "able:local", "prompt": "x", "stream": False})
    assert (told.status_code, told.json()["model"]) == (200, "able:local")


def types() -> Iterator[Row]:
    no_text: Values = ((5, "number"), (1.5, "number"), (True, "bool"), ([], "array"), ({}, "object"))
    no_switch: Values = (("yes", "string"), (1, "number"), ([], "array"))
    no_whole: Values = ((1.5, "number 1.5"), ("1", "string"), (True, "bool"), (2**63, f"number {2**63}"))
    for name in ("stream", "logprobs", "truncate", "shift", "_debug_render_only"):
        yield from mistyped(name, "bool", *no_switch)
    yield from mistyped("top_logprobs", "int", *no_whole)
    yield from mistyped("options", "map[string]interface {}", ("x", "string"), ([], "array"), (1, "number"))
    for name in ("prompt", "suffix", "system", "template"):
        for value, found in no_text:
            told = (
                f"json: cannot unmarshal {found} into Go struct field GenerateRequest.{name} of type string"
            )
            yield Row(GENERATE, {"model": ABLE, name: value}, 400, told)
    for change, told in {
        "x": "string into Go struct field ChatRequest.messages of type []api.Message",
        5: "number into Go struct field ChatRequest.messages of type []api.Message",
    }.items():
        yield Row(CHAT, WHOLE[CHAT] | {"messages": change}, 400, f"json: cannot unmarshal {told}")


@rows(types())
def test_wrong_types(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def in_messages(message: Json | str, text: str) -> Row:
    return Row(CHAT, WHOLE[CHAT] | {"messages": [message]}, 400, text)


def field(name: str, found: str, wanted: str) -> str:
    return f"json: cannot unmarshal {found} into Go struct field ChatRequest.messages{name} of type {wanted}"


CALLING = "Value looks like object, but can't find closing '}' symbol"


@rows(
    [
        in_messages("x", field("", "string", "api.Message")),
        in_messages({"content": 5}, field(".content", "number", "string")),
        in_messages({"content": [{"type": "text"}]}, field(".content", "array", "string")),
        in_messages({"role": None, "thinking": {}}, field(".thinking", "object", "string")),
        in_messages({"role": 1}, field(".role", "number", "string")),
        in_messages({"images": "x"}, field(".images", "string", "[]string")),
        in_messages({"images": [5]}, field(".images", "number", "string")),
        in_messages({"tool_calls": {}}, field(".tool_calls", "object", "[]api.ToolCall")),
        in_messages(
            {"tool_calls": [{"function": "f"}]},
            field(".tool_calls.function", "string", "api.ToolCallFunction"),
        ),
        in_messages(
            {"tool_calls": [{"function": {"name": 5}}]},
            field(".tool_calls.function.name", "number", "string"),
        ),
        in_messages({"tool_calls": [{"function": {"arguments": '{"x": 1}'}}]}, CALLING),
        in_messages({"tool_calls": [{"function": {"arguments": [1]}}]}, CALLING),
        in_messages({"tool_calls": [{"function": {"arguments": "{"}}]}, CALLING),
        in_messages({"images": ["%%%"]}, "illegal base64 data at input byte 0"),
        in_messages({"images": ["QUJD-w=="]}, "illegal base64 data at input byte 4"),
        in_messages({"images": ["PHN2Zy8+"]}, "images must be PNG, JPEG, GIF or WEBP"),
        in_messages({"images": [""]}, "images must be PNG, JPEG, GIF or WEBP"),
        Row(
            GENERATE,
            WHOLE[GENERATE] | {"images": ["http://x/y.png"]},
            400,
            "illegal base64 data at input byte 4",
        ),
    ]
)
def test_wrong_messages(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def lifetimes() -> Iterator[Row]:
    for text, told in {
        "5": 'time: missing unit in duration "5"',
        "-1": 'time: missing unit in duration "-1"',
        "": 'time: invalid duration ""',
        "5x": 'time: unknown unit "x" in duration "5x"',
        "five": 'time: invalid duration "five"',
        "5m 3s": 'time: unknown unit "m " in duration "5m 3s"',
        "-": 'time: invalid duration "-"',
        "\u0665s": r'time: invalid duration "\xd9\xa5s"',
        '"5\\': r'time: invalid duration "\"5\\"',
    }.items():
        yield from both({"keep_alive": text}, told)
    for value, kind in ((True, "bool"), ([], "[]interface {}"), ({}, "map[string]interface {}")):
        yield from both({"keep_alive": value}, f"Unsupported type: '{kind}'")


@rows(lifetimes())
def test_keep_alive(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def thoughts() -> Iterator[Row]:
    for text in ("hard", "", "true", "HIGH"):
        yield from both({"think": text}, f'invalid think value: "{text}" (must be {THINK})')
    yield from both({"think": 'a"b'}, f'invalid think value: "a\\"b" (must be {THINK})')
    no_thoughts: tuple[object, ...] = (5, 1.5, [], {})
    for value in no_thoughts:
        yield from both({"think": value}, f"think must be a boolean or string ({THINK})")
    for level in (True, "low", "max"):
        yield from both({"think": level, "model": "plain"}, '"plain" does not support thinking')


@rows(thoughts())
def test_think(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def options() -> Iterator[Row]:
    told_of_top_k = 'option "top_k" must be of type integer'
    wrong = {
        "integer": ("num_ctx", "num_predict", "top_k", "seed", "num_keep", "repeat_last_n", "num_batch"),
        "float32": ("temperature", "top_p", "min_p", "repeat_penalty", "typical_p", "presence_penalty"),
        "boolean": ("use_mmap",),
        "array": ("stop",),
    }
    for kind, named in wrong.items():
        for name in named:
            yield from both({"options": {name: "8k"}}, f'option "{name}" must be of type {kind}')
    # Loading a model looks at them, too.
    yield from both({"options": {"top_k": "x"}, "prompt": "", "messages": []}, told_of_top_k)
    yield from both({"options": {"num_gpu": True}}, 'option "num_gpu" must be of type integer')
    yield from both({"options": {"use_mmap": 1}}, 'option "use_mmap" must be of type boolean')
    yield from both({"options": {"stop": ["a", 1]}}, 'option "stop" must be of an array of strings')


@rows(options())
def test_options(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def shapes() -> Iterator[Row]:
    expected = 'expected "json" or a valid JSON Schema object'
    for value, shown in (("xml", '"xml"'), (5, "5"), ([], "[]"), (True, "true"), ("JSON", '"JSON"')):
        yield from both({"format": value}, f"invalid format: {shown}; {expected}")
    for tops in (-1, 21, 1000):
        yield from both({"top_logprobs": tops}, "top_logprobs must be between 0 and 20")
    one = "structured_outputs takes one of regex, choice, grammar, json"
    yield from both({"structured_outputs": {"regex": "a", "choice": ["a"]}}, one)
    yield from both({"structured_outputs": {"gbnf": "a"}}, one)
    malformed: tuple[tuple[str, object, str], ...] = (
        ("regex", 5, "a regular expression"),
        ("regex", " ", "a regular expression"),
        ("choice", [], "a list of texts"),
        ("choice", ["a", 1], "a list of texts"),
        ("grammar", "", "a grammar"),
        ("json", [], "a JSON schema"),
    )
    for kind, constraint, must in malformed:
        told = f"structured_outputs.{kind} must be {must}"
        yield from both({"structured_outputs": {kind: constraint}}, told)
    twice = "format and structured_outputs exclude each other: use one of them"
    yield from both({"format": "json", "structured_outputs": {"regex": "a"}}, twice)
    for bias in ({"a": 1}, {"5": "x"}, {"5": True}, {"-5": 1}, {"\u0665": 1}):
        yield from both({"logit_bias": bias}, "logit_bias must map numbers of tokens to numbers")


@rows(shapes())
def test_shapes(ruled: Stack, row: Row) -> None:
    row.check(ruled)


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
NO_CHOICES: tuple[object, ...] = ("any", "", 5, [], {}, {"function": {}}, {"function": {"name": 5}})
CHOICE = 'tool_choice must be "auto", "none", "required", or name a function'


@rows(
    [
        Row(CHAT, WHOLE[CHAT] | {"model": "plain", "tools": TOOLS}, 400, f"{FULL} does not support tools"),
        Row(
            CHAT,
            WHOLE[CHAT] | {"tools": {}},
            400,
            "json: cannot unmarshal object into Go struct field ChatRequest.tools of type []api.Tool",
        ),
        Row(
            CHAT,
            WHOLE[CHAT] | {"tools": [{"function": {"name": 5}}]},
            400,
            "json: cannot unmarshal number into Go struct field ChatRequest.tools.function.name"
            " of type string",
        ),
        *(
            Row(CHAT, WHOLE[CHAT] | {"tools": TOOLS, "tool_choice": choice}, 400, CHOICE)
            for choice in NO_CHOICES
        ),
        Row(
            CHAT,
            WHOLE[CHAT] | {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "g"}}},
            400,
            "tool_choice names a function that is not among the tools",
        ),
        Row(
            CHAT,
            WHOLE[CHAT] | {"tool_choice": "required"},
            400,
            "tool_choice requires a tool to be called, but there are no tools",
        ),
    ]
)
def test_tools(ruled: Stack, row: Row) -> None:
    row.check(ruled)


PNG = "iVBORw0KGgo="


@rows(
    [
        Row(
            CHAT, {"model": EMBEDS, "messages": [{"role": "user"}]}, 400, f'"{EMBEDS}" does not support chat'
        ),
        Row(GENERATE, {"model": "Embeds", "prompt": "x"}, 400, '"Embeds" does not support generate'),
        Row(
            CHAT,
            {"model": PLAIN, "messages": [{"role": "user", "images": [PNG]}]},
            400,
            f"{FULL} does not support images",
        ),
        Row(
            GENERATE, {"model": PLAIN, "prompt": "x", "images": [PNG]}, 400, f"{FULL} does not support images"
        ),
        Row(GENERATE, {"model": PLAIN, "prompt": "x", "suffix": "y"}, 400, f"{FULL} does not support insert"),
        *(
            Row(
                GENERATE,
                {"model": PLAIN, "prompt": "x", "raw": True} | more,
                400,
                "raw mode does not support template, system, or context",
            )
            for more in ({"template": "x"}, {"system": "x"}, {"context": [1]})
        ),
    ]
)
def test_what_a_model_or_a_mode_does_not_do(ruled: Stack, row: Row) -> None:
    row.check(ruled)


def test_what_is_wrong_with_a_body_comes_before_what_is_wrong_with_its_name(ruled: Stack) -> None:
    Row(CHAT, {"model": "a b", "keep_alive": "5"}, 400, 'time: missing unit in duration "5"').check(ruled)
    Row(GENERATE, {"top_logprobs": 21}, 400, "top_logprobs must be between 0 and 20").check(ruled)
