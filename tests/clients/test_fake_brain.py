"""The fake of vLLM that real clients are run against: it must be as strict as vLLM, or it shows nothing."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.fake_brain import FakeBrain, Served

Json = dict[str, Any]

USER = {"role": "user", "content": "What is the weather in Paris? What is the weather in Rome?"}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}},
}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


@pytest.fixture(scope="module")
def brain() -> Iterator[httpx.Client]:
    models = {"m": Served(context=128), "thinker": Served(thinks=True)}
    with FakeBrain(models) as engine, httpx.Client(base_url=engine.url, trust_env=False) as client:
        yield client


def chat(brain: httpx.Client, **asked: object) -> httpx.Response:
    return brain.post("/v1/chat/completions", json={"model": "m", "messages": [USER]} | asked)


def chunks(answer: httpx.Response) -> list[Json]:
    *events, last = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert last == "[DONE]"
    return [json.loads(event) for event in events]


REFUSED: dict[str, Json] = {
    "no messages": {"messages": []},
    "an unknown role": {"messages": [{"role": "robot", "content": "hi"}]},
    "a user without content": {"messages": [{"role": "user"}]},
    "content that is a number": {"messages": [{"role": "user", "content": 3}]},
    "an unknown part": {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
    "a picture for who does not see": {"messages": [{"role": "user", "content": [PICTURE]}]},
    "a call without an id": {"messages": [{"role": "assistant", "tool_calls": [CALL | {"id": ""}]}]},
    "arguments as an object": {
        "messages": [
            {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": {}}}]}
        ]
    },
    "arguments that are no JSON": {
        "messages": [
            {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": "{"}}]}
        ]
    },
    "a result of nothing": {"messages": [{"role": "tool", "content": "x"}]},
    "a result of another call": {
        "messages": [
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "content": "x", "tool_call_id": "2"},
        ]
    },
    "an empty list of tools": {"tools": []},
    "a choice among no tools": {"tool_choice": "auto"},
    "a choice of an unknown tool": {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "other"}},
    },
    "options of a stream that is none": {"stream_options": {"include_usage": True}},
    "no tokens": {"max_tokens": 0},
    "more tokens than fit": {"max_tokens": 129},
    "too hot": {"temperature": 2.5},
    "top_p of nothing": {"top_p": 0},
    "half a top_k": {"top_k": 0.5},
    "an empty stop": {"stop": [""]},
    "likeliest tokens without any": {"top_logprobs": 3},
    "a schema that is missing": {"response_format": {"type": "json_schema"}},
    "two constraints": {
        "response_format": {"type": "json_object"},
        "structured_outputs": {"choice": ["a"]},
    },
    "a prompt that does not fit": {"messages": [{"role": "user", "content": "word " * 140}]},
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_it_refuses(brain: httpx.Client, asked: Json) -> None:
    answer = chat(brain, **asked)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


def test_it_takes_json_alone(brain: httpx.Client) -> None:
    body = json.dumps({"model": "m", "messages": [USER]})
    answer = brain.post("/v1/chat/completions", content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_calls_come_in_fragments_and_the_usage_after_the_end(brain: httpx.Client) -> None:
    asked = {"tools": [TOOL], "stream": True, "stream_options": {"include_usage": True}}
    *parts, end, usage = chunks(chat(brain, **asked))
    calls = [call for part in parts for call in part["choices"][0]["delta"].get("tool_calls", ())]
    texts = ["", ""]
    for call in calls:
        texts[call["index"]] += call["function"]["arguments"]
    assert [json.loads(text) for text in texts] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len(calls) > 4
    assert end["choices"][0]["finish_reason"] == "tool_calls"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0


def test_whole_and_streamed_say_the_same(brain: httpx.Client) -> None:
    asked = {"model": "thinker", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
    message = chat(brain, **asked).json()["choices"][0]["message"]
    deltas = [part["choices"][0]["delta"] for part in chunks(chat(brain, **asked, stream=True))]
    for name in ("content", "reasoning"):
        assert message[name] == "".join(delta.get(name, "") for delta in deltas) != ""


def test_tokens_are_texts_again(brain: httpx.Client) -> None:
    text = "A <PRE> marker,\n  and — words."
    ids = brain.post("/tokenize", json={"model": "m", "prompt": text}).json()["tokens"]
    assert brain.post("/detokenize", json={"model": "m", "tokens": ids}).json() == {"prompt": text}
    unknown = brain.post("/detokenize", json={"model": "m", "tokens": [1]})
    assert unknown.status_code == 400
