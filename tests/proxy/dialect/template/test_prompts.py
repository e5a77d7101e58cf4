"""What chats become in the templates of well-known families, written in their common shapes."""

from datetime import date
from typing import Any

import pytest

from proxy.dialect.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction
from proxy.dialect.prompts.template import Template, TemplateError
from proxy.dialect.prompts.template.prompt import prompt_of

CHATML = """\
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}
{{- range .Messages }}{{ if ne .Role "system" }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}{{ end }}<|im_start|>assistant
"""
LLAMA = """\
{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>

{{ .Content }}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>

"""
MISTRAL = """\
{{- range $at, $_ := .Messages }}
{{- $left := len (slice $.Messages $at) }}
{{- if eq .Role "user" }}
{{- if and (le $left 2) $.Tools }}[AVAILABLE_TOOLS] {{ $.Tools }}[/AVAILABLE_TOOLS]{{ end -}}
[INST] {{ if and $.System (eq $left 1) }}{{ $.System }}

{{ end }}{{ .Content }}[/INST]
{{- else if eq .Role "assistant" }}
{{- if .ToolCalls }}[TOOL_CALLS] [
{{- range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}]</s>
{{- else }} {{ .Content }}</s>{{ end }}
{{- else if eq .Role "tool" }}[TOOL_RESULTS] {"content": {{ json .Content }}}[/TOOL_RESULTS]
{{- end }}
{{- end }}"""
QWEN = """\
{{- range .Tools }}{"type": "function", "function": {{ .Function }}}
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "assistant" }}<a>{{ if and .Thinking (not $last) }}<think>{{ .Thinking }}</think>{{ end }}
{{- .Content }}{{ if not $last }}</a>{{ end }}
{{- else }}<{{ .Role }}>{{ .Content }}</{{ .Role }}>
{{- end }}
{{- if and (ne .Role "assistant") $last }}<a>
{{- if and $.IsThinkSet (not $.Think) }}<think></think>{{ end }}
{{- end }}
{{- end }}"""
HARMONY = """\
{{- define "type" }}{{ toTypeScriptType . }}
{{- if .Enum }} of{{ range .Enum }} {{ json . }}{{ end }}{{ end }}{{ end -}}
{{ currentDate }} after {{ yesterdayDate }}; {{ if .ThinkLevel }}{{ .ThinkLevel }}{{ else }}none{{ end }}
{{- range .Tools }}; type {{ .Function.Name }} = (_: {
{{- range $name, $is := .Function.Parameters.Properties }} {{ $name }}: {{ template "type" $is }},
{{- end }} }) => any{{ end }}
{{- range .Messages }}; {{ .Content }}{{ end }}"""
GEMMA = """\
<start_of_turn>user
{{ if .System }}{{ .System }} {{ end }}{{ .Prompt }}<end_of_turn>
<start_of_turn>model
{{ .Response }}<end_of_turn>
"""
ALPACA = """\
{{ if .System }}{{ .System }}

{{ end }}{{ if .Prompt }}### Instruction:
{{ .Prompt }}

{{ end }}### Response:
{{ .Response }}

"""
PHI = "{{ if .System }}<|system|>{{ .System }}<|end|>{{ end }}<|user|>{{ .Prompt }}<|end|><|assistant|>"
CODE = "{{ if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>{{ else }}{{ .Prompt }}{{ end }}"

ONE = [Message(role="user", content="Hi")]
CHAT = [
    Message(role="system", content="Be kind."),
    Message(role="user", content="Hi"),
    Message(role="assistant", content="Hello", thinking="a greeting"),
    Message(role="user", content="How"),
    Message(role="user", content="are you?"),
]
WEATHER = Tool(
    function=ToolFunction(
        name="weather",
        description="The weather <now>",
        parameters={
            "type": "object",
            "required": ["city"],
            "properties": {
                "unit": {"type": ["string", "null"], "enum": ["C", 1]},
                "city": {"type": "string", "description": "Where"},
            },
        },
    )
)
SHOWN = (
    '{"name":"weather","description":"The weather \\u003cnow\\u003e","parameters":{"type":"object",'
    '"required":["city"],"properties":{"city":{"type":"string","description":"Where"},'
    '"unit":{"type":["string","null"],"enum":["C",1]}}}}'
)
CALLED = [
    Message(role="user", content="Warm?"),
    Message(
        role="assistant",
        tool_calls=[
            ToolCall(function=ToolCallFunction(name="weather", arguments={"unit": 1, "city": "Z\u00fcrich"}))
        ],
    ),
    Message(role="tool", content="20", tool_name="weather"),
    Message(role="tool", content='"mild"', tool_name="weather"),
]

PROMPTS: list[tuple[str, dict[str, Any], str]] = [
    (CHATML, {"messages": ONE}, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
    (
        CHATML,
        {"messages": CHAT},
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        "Hello<|im_end|>\n<|im_start|>user\nHow\n\nare you?<|im_end|>\n<|im_start|>assistant\n",
    ),
    (
        CHATML,
        {"messages": [*CHAT, Message(role="SYSTEM", content="Be brief.")], "system": "First."},
        "<|im_start|>system\nFirst.\n\nBe kind.\n\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nHow\n\nare you?<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    (
        LLAMA,
        {"system": "S", "prompt": "Hi"},
        "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
        "Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    (MISTRAL, {"messages": CHAT}, "[INST] Hi[/INST] Hello</s>[INST] Be kind.\n\nHow\n\nare you?[/INST]"),
    (
        MISTRAL,
        {"messages": ONE, "tools": [WEATHER]},
        f'[AVAILABLE_TOOLS] [{{"type":"function","function":{SHOWN}}}][/AVAILABLE_TOOLS][INST] Hi[/INST]',
    ),
    (
        MISTRAL,
        {"messages": CALLED},
        "[INST] Warm?[/INST]"
        '[TOOL_CALLS] [{"name": "weather", "arguments": {"city":"Z\u00fcrich","unit":1}}]</s>'
        '[TOOL_RESULTS] {"content": "20"}[/TOOL_RESULTS]'
        '[TOOL_RESULTS] {"content": "\\"mild\\""}[/TOOL_RESULTS]',
    ),
    (
        QWEN,
        {"messages": ONE, "tools": [WEATHER]},
        f'{{"type": "function", "function": {SHOWN}}}\n<user>Hi</user><a>',
    ),
    (QWEN, {"messages": ONE, "think": False}, "<user>Hi</user><a><think></think>"),
    (
        QWEN,
        {"messages": CHAT, "think": True},
        "<system>Be kind.</system><user>Hi</user><a><think>a greeting</think>Hello</a>"
        "<user>How\n\nare you?</user><a>",
    ),
    (QWEN, {"messages": CHAT[1:3]}, "<user>Hi</user><a>Hello"),
    (
        HARMONY,
        {"messages": ONE, "tools": [WEATHER], "think": "high", "today": date(2026, 3, 1)},
        "2026-03-01 after 2026-02-28; high; type weather = (_: { city: string, "
        'unit: string | null of "C" 1, }) => any; Hi',
    ),
    (
        HARMONY,
        {"messages": ONE, "think": True, "today": date(2026, 1, 1)},
        "2026-01-01 after 2025-12-31; medium; Hi",
    ),
    (GEMMA, {"messages": ONE}, "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n"),
    (
        GEMMA,
        {"messages": CHAT},
        "<start_of_turn>user\nBe kind. Hi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n"
        "<start_of_turn>user\nHow\n\nare you?<end_of_turn>\n<start_of_turn>model\n",
    ),
    (ALPACA, {"system": "S", "prompt": "Hi"}, "S\n\n### Instruction:\nHi\n\n### Response:\n"),
    (ALPACA, {"messages": CHAT[:3]}, "Be kind.\n\n### Instruction:\nHi\n\n### Response:\nHello"),
    (PHI, {"messages": ONE}, "<|user|>Hi<|end|><|assistant|>"),
    (
        PHI,
        {"messages": CHAT},
        "<|system|>Be kind.<|end|><|user|>Hi<|end|><|assistant|>Hello"
        "<|user|>How\n\nare you?<|end|><|assistant|>",
    ),
    (CODE, {"prompt": "def f(", "suffix": "return 1"}, "<PRE> def f( <SUF>return 1 <MID>"),
    (CODE, {"prompt": "def f("}, "def f("),
    ("{{ .Prompt }}", {"system": "unseen", "prompt": "Hi"}, "Hi"),
    (
        "[{{ .Prompt }}]{{ if true }}{{ .Response }}.{{ end }}tail",
        {"messages": CHAT[1:4]},
        "[Hi]Hello.tail[How]",
    ),
    ("{{ range .Messages }}{{ .Content }}{{ end }}", {"prompt": "Hi", "suffix": "unseen"}, ""),
    ("{{ .System }}|{{ .Prompt }}|", {"messages": [*CHAT[:2], CHAT[0], CHAT[1]]}, "Be kind.|Hi|Be kind.|Hi|"),
    ("{{ range .Messages }}{{ json .ToolCalls }}{{ end }}{{ .Tools }}", {"messages": ONE}, "nullnull"),
]


@pytest.mark.parametrize(("template", "chat", "prompt"), PROMPTS)
def test_what_a_chat_becomes(template: str, chat: dict[str, Any], prompt: str) -> None:
    assert prompt_of(Template.parse(template), **chat) == prompt


def test_messages_stay_as_they_were() -> None:
    before = [message.content for message in CHAT]
    prompt_of(Template.parse(CHATML), messages=CHAT)
    assert [message.content for message in CHAT] == before


def test_a_message_has_the_fields_it_has() -> None:
    with pytest.raises(
        TemplateError, match=r"cannot evaluate field Contents in type \*template.templateMessage"
    ):
        prompt_of(Template.parse("{{ range .Messages }}{{ .Contents }}{{ end }}"), messages=ONE)


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ({}, '{"type":"","properties":null}'),
        ({"type": "object", "properties": {}}, '{"type":"object","properties":{}}'),
        ({"type": 3, "properties": [], "required": "x"}, '{"type":"","properties":{}}'),
        (
            {"$defs": {"b": 2, "a": 1.5}, "items": ""},
            '{"type":"","$defs":{"a":1.5,"b":2},"items":"","properties":null}',
        ),
        (
            {
                "properties": {
                    "p": {
                        "anyOf": [{"type": "integer"}, {}],
                        "properties": {"z": {}, "y": {}},
                        "enum": [10**22],
                    }
                }
            },
            '{"type":"","properties":{"p":{"anyOf":[{"type":"integer"},{}],"enum":[1e+22],"properties":{"z":{},"y":{}}}}}',
        ),
    ],
)
def test_parameters_of_every_shape(parameters: dict[str, Any], shown: str) -> None:
    tool = Tool(function=ToolFunction(name="f", parameters=parameters))
    template = Template.parse(
        "{{ range .Messages }}{{ end }}{{ range .Tools }}{{ .Function.Parameters }}{{ end }}"
    )
    assert prompt_of(template, messages=ONE, tools=[tool]) == shown


def test_turns_share_one_budget() -> None:
    chat = [Message(role=role, content="x") for _ in range(40) for role in ("user", "assistant")]
    template = Template.parse("{{ range 20000 }}{{ end }}{{ .Prompt }}{{ .Response }}")
    assert prompt_of(template, messages=ONE) == "Hi"
    with pytest.raises(TemplateError, match="too many steps"):
        prompt_of(template, messages=chat)
