"""Requests as no client should send them: whole ones of every route, and strategies that spoil them."""

import copy
import json
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from proxy.routes import ROUTES

CHAT, EMBEDS = "smollm2:135m", "all-minilm:l6-v2"
PNG = "iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "what is this?", "images": [PNG]},
    {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [CALL]},
    {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "a"},
]
OPTIONS: dict[str, Any] = {
    "num_ctx": 2048,
    "num_predict": 5,
    "temperature": 0.5,
    "top_k": 3,
    "seed": 7,
    "stop": ["x"],
    "repeat_penalty": 1.1,
    "mirostat": 1,
}
COMMON: dict[str, Any] = {
    "model": CHAT,
    "stream": False,
    "options": OPTIONS,
    "keep_alive": "5m",
    "think": "low",
    "format": {"type": "object"},
    "logprobs": True,
    "top_logprobs": 2,
    "truncate": True,
    "shift": True,
    "logit_bias": {"5": 1},
    "bad_words": ["x"],
    "structured_outputs": None,
}
OF_CHATS: dict[str, Any] = {
    "model": CHAT,
    "messages": [{"role": "user", "content": "x"}],
    "stream": False,
    "max_tokens": 5,
    "stop": ["x"],
    "options": OPTIONS,
    "keep_alive": 5,
    "tools": [TOOL],
    "response_format": {"type": "json_object"},
}
WHOLE: dict[str, Any] = {
    "/api/generate": COMMON | {"prompt": "x", "system": "y", "raw": False, "context": [1, 2]},
    "/api/chat": COMMON | {"messages": TURNS, "tools": [TOOL], "tool_choice": "auto"},
    "/api/embed": {"model": EMBEDS, "input": ["a", "b"], "truncate": True, "dimensions": 3, "options": {}},
    "/api/embeddings": {"model": EMBEDS, "prompt": "a", "keep_alive": 5, "options": {}},
    "/api/rerank": {"model": EMBEDS, "query": "a", "documents": ["b", "c"], "top_n": 1},
    "/api/tokenize": {"model": CHAT, "content": "a b", "keep_alive": "5m"},
    "/api/detokenize": {"model": CHAT, "tokens": [1, 2]},
    "/api/show": {"model": CHAT, "verbose": True, "system": "x", "options": OPTIONS},
    "/api/create": {
        "model": "made",
        "from": CHAT,
        "stream": False,
        "system": "x",
        "template": "{{ .Prompt }}",
        "parameters": {"temperature": 1, "stop": ["a"]},
        "messages": [{"role": "user", "content": "x"}],
        "license": ["x"],
        "files": {},
    },
    "/api/copy": {"source": CHAT, "destination": "copied"},
    "/api/delete": {"model": "copied"},
    "/api/pull": {"model": "a b", "stream": False, "insecure": True},
    "/api/push": {"model": CHAT, "stream": False},
    "/v1/chat/completions": OF_CHATS,
    "/v1/completions": {"model": CHAT, "prompt": "x", "max_tokens": 5, "suffix": None, "options": OPTIONS},
    "/v1/responses": {
        "model": CHAT,
        "input": [{"role": "user", "content": "x"}],
        "reasoning": {"effort": "low"},
    },
    "/v1/messages": OF_CHATS | {"system": "x", "thinking": {"type": "enabled", "budget_tokens": 5}},
    "/v1/messages/count_tokens": OF_CHATS,
    "/v1/systemone": {"model": CHAT, "state": "x", "questions": {"a": {"type": "noul", "instructions": "x"}}},
    "/v1/embeddings": {"model": EMBEDS, "input": ["a"], "encoding_format": "base64", "dimensions": 3},
    "/v1/rerank": {"model": EMBEDS, "query": "a", "documents": ["b", {"text": "c"}], "top_n": 1},
}

_WITH_BODIES = [route for route in ROUTES if route.path in WHOLE]

# Escaped when it is written as JSON, so that halves of pairs reach the proxy as such.
texts = st.sampled_from(
    [
        *(
            "",
            " ",
            "\0",
            "a\0b",
            "\ud800",
            "\udfff\ud800",
            "\U0001f999",
            "../../etc/passwd",
            "a/b/c/d",
            "x" * 9000,
        ),
        *(
            "{{ .Prompt",
            "{{ range }}",
            "%s%n",
            "json",
            "5m",
            "-1",
            "inf",
            "true",
            "data:image/png;base64,x",
            PNG,
        ),
        *("SGVsbG8=", "latest", "smollm2:135m:cloud", "\u0130", "\u2028", "\r\n\r\n", "sha256:" + "a" * 64),
    ]
) | st.text(max_size=8)
numbers = (
    st.sampled_from(
        [0, -0.0, 1, -1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**40, 10**400, 1e308, -1e308, 1e-320]
    )
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def _deep(depth: int) -> Any:  # noqa: ANN401 - any JSON value
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


deep_values = st.integers(1, 200).map(_deep)


@st.composite
def spoiled(draw: st.DrawFn, whole: Any) -> Any:  # noqa: ANN401 - any JSON value
    """The value with one place changed, wherever it lies."""
    if not isinstance(whole, dict | list) or not whole or draw(st.integers(0, 4)) == 0:
        return draw(values | deep_values)
    keys = list(whole) if isinstance(whole, dict) else list(range(len(whole)))
    key = draw(st.sampled_from(keys))
    changed = copy.copy(whole)
    match draw(st.integers(0, 5)):
        case 0:
            del changed[key]
        case 1 if isinstance(changed, dict):
            changed[draw(texts)] = draw(values)
        case 2 if isinstance(changed, dict):
            changed[key.upper()] = draw(values)
        case _:
            changed[key] = draw(spoiled(whole[key]))
    return changed


def as_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps(value).encode()


@st.composite
def bodies(draw: st.DrawFn, whole: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Nearly always JSON, and nearly always close to what is wanted."""
    for _ in range(draw(st.integers(0, 3))):
        whole = draw(spoiled(whole))
    body = as_json(whole)
    match draw(st.integers(0, 15)):
        case 13:
            return body[: draw(st.integers(0, len(body)))]
        case 14:
            place = draw(st.integers(0, len(body)))
            return body[:place] + draw(st.binary(max_size=3)) + body[place:]
        case 15:
            return draw(st.binary(max_size=30))
    return body


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """Method, path and body of a request to one of the routes."""
    route = draw(st.sampled_from(_WITH_BODIES) | st.sampled_from(ROUTES))
    start, brace, _ = route.path.partition("{")
    path = start + (quote(draw(texts).encode("utf-8", "replace")[:200]) if brace else "")
    method = draw(st.sampled_from(route.methods))
    return method, path, draw(bodies(WHOLE.get(route.path, OF_CHATS)))
