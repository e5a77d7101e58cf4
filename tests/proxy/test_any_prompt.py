"""Whatever is put together into a prompt: what is wrong with it is the client's fault, and is told."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.proxy.asking import MODEL
from tests.proxy.conftest import Stack

TEXTS = st.sampled_from(["", "a", "<s>a", "word " * 60, "\n", "{{ .Suffix }}"]) | st.text(max_size=20)
TEMPLATES = st.sampled_from(
    [
        "{{ .Prompt }}",
        "{{ range .Messages }}{{ .Role }}:{{ .Content }} {{ end }}",
        "{{ .System }}{{ .Prompt }}{{ .Response }}",
        "{{ if .Suffix }}{{ .Prompt }}|{{ .Suffix }}{{ end }}",
        "{{ broken",
        "",
    ]
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "num_ctx": st.integers(-2, 80),
        "num_predict": st.integers(-3, 300),
        "num_keep": st.integers(-2, 100),
    },
)
SHARED: dict[str, st.SearchStrategy[Any]] = {
    "options": OPTIONS,
    "truncate": st.booleans(),
    "shift": st.booleans(),
    "stream": st.booleans(),
    "think": st.sampled_from([True, False, None]),
    "_debug_render_only": st.booleans(),
}
GENERATIONS = st.fixed_dictionaries(
    {"model": st.just(MODEL)},
    optional=SHARED
    | {
        "prompt": TEXTS,
        "suffix": TEXTS,
        "system": TEXTS,
        "template": TEMPLATES,
        "raw": st.booleans(),
        "context": st.lists(st.sampled_from([1, 100, 101, -1, 2**40])),
    },
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "other", ""])},
    optional={
        "content": TEXTS,
        "tool_calls": st.just([{"function": {"name": "f", "arguments": {}}}]),
        "thinking": TEXTS,
    },
)
CHATS = st.fixed_dictionaries(
    {"model": st.just(MODEL), "messages": st.lists(MESSAGES, max_size=12)}, optional=SHARED
)


@given(
    asked=GENERATIONS.map(lambda body: ("/api/generate", body)) | CHATS.map(lambda body: ("/api/chat", body))
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_answered_or_refused(stack: Stack, asked: tuple[str, dict[str, Any]]) -> None:
    path, body = asked
    answer = stack.client.post(path, json=body)
    assert answer.status_code in (200, 400)
    *parts, last = [json.loads(line) for line in answer.text.splitlines()]
    assert all(part["done"] is False for part in parts)
    if answer.status_code == 400:
        assert last.keys() == {"error"}
        assert last["error"]
        return
    assert last["done"] is True or body["_debug_render_only"]
    told = any(name.startswith("x-truncated") for name in answer.headers)
    assert last.get("truncated", False) == told or "_debug_info" in last
