"""Tools: what the engine calls, and histories that hold such calls."""

import re

import msgspec
import pytest

from proxy.dialect.bodies.decoding import decode
from proxy.dialect.messages import ChatRequest
from proxy.dialect.prompts.history import history
from proxy.dialect.tools import CallBuilder, FunctionDelta, ToolCallDelta
from tests.fakes.fake_engine import delta, error, streamed, usage
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, Json, asked, chat, records
from tests.proxy.conftest import Stack


def test_tool_calls_come_whole_with_objects(stack: Stack) -> None:
    def call(index: int, **fields: object) -> Json:
        return {"index": index} | fields

    fragments = [
        [call(0, id="call-a", type="function", function={"name": "weather", "arguments": ""})],
        [call(0, function={"arguments": '{"city": "Pa'})],
        [call(1, id="call-b", function={"name": "time", "arguments": "not json"})],
        [call(0, function={"arguments": 'ris"}'})],
    ]
    events = [delta(tool_calls=part) for part in fragments] + [delta("tool_calls"), usage(9, 9)]
    stack.engine.plan(streamed(events))
    stack.engine.plan(streamed(events))
    calls = [
        {"id": "call-a", "function": {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}},
        {"id": "call-b", "function": {"index": 1, "name": "time", "arguments": {"raw": "not json"}}},
    ]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    first, last = records(chat(stack, tools=tools))
    assert (first["message"]["tool_calls"], first["done"]) == (calls, False)
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert "tool_calls" not in last["message"]
    assert first["created_at"] <= last["created_at"]
    assert chat(stack, tools=tools, stream=False).json()["message"]["tool_calls"] == calls
    assert asked(stack)["tools"] == tools


def test_a_history_whose_client_dropped_the_ids(stack: Stack) -> None:
    def call(name: str) -> Json:
        return {"function": {"name": name, "arguments": {"x": 1}}}

    chat(
        stack,
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [call("a"), call("b"), call("c")],
        },
        {"role": "tool", "content": "of b", "tool_name": "b"},
        {"role": "tool", "content": "first left"},
        {"role": "tool", "content": "last left"},
        tools=[],
    )
    assistant, *results = asked(stack)["messages"]
    assert assistant["reasoning"] == "hm"
    ids = {call["function"]["name"]: call["id"] for call in assistant["tool_calls"]}
    assert len(set(ids.values())) == 3
    assert all(len(made) == 9 and made.isalnum() for made in ids.values())
    assert assistant["tool_calls"][0]["function"]["arguments"] == '{"x":1}'
    assert [(result["tool_call_id"], result["name"]) for result in results] == [
        (ids["b"], "b"),
        (ids["a"], "a"),
        (ids["c"], "c"),
    ]
    assert "tools" not in asked(stack)


def built(*texts: str) -> Json:
    builder = CallBuilder()
    for text in texts:
        builder.add([ToolCallDelta(function=FunctionDelta(arguments=text))])
    (call,) = builder.calls()
    arguments: Json = call["function"]["arguments"]
    return arguments


@pytest.mark.parametrize(
    "text",
    ["not json", "[1]", '"x"', "5", "null", '{"a": 1', '{"a": 1}{"b": 2}', "{" * 5000, '{"a": NaN}', "\0"],
)
def test_arguments_that_are_no_object_are_not_lost(text: str) -> None:
    assert built(text) == {"raw": text}


@pytest.mark.parametrize(
    ("texts", "arguments"),
    [
        ((), {}),
        (("",), {}),
        ((" \n",), {}),
        (("{}",), {}),
        (('{"a": ', "1}"), {"a": 1}),
        (('{"a": "\\u00', 'e9"}'), {"a": "\u00e9"}),
        (('{"a": 1, "a": 2}',), {"a": 2}),
        (('{"a": 123456789012345678901234567890}',), {"a": 123456789012345678901234567890}),
    ],
)
def test_arguments_come_in_fragments(texts: tuple[str, ...], arguments: Json) -> None:
    assert built("", *texts) == arguments


def test_calls_without_an_id_get_one_like_ollamas(stack: Stack) -> None:
    calls = [
        {"index": index, "function": {"name": name, "arguments": "{}"}} for index, name in enumerate("fg")
    ]
    stack.engine.plan(streamed([delta(tool_calls=calls[::-1]), delta("tool_calls"), usage(1, 1)]))
    told = chat(stack, stream=False).json()["message"]["tool_calls"]
    assert [(call["function"]["index"], call["function"]["name"]) for call in told] == [(0, "f"), (1, "g")]
    assert all(re.fullmatch("call_[a-z0-9]{8}", call["id"]) for call in told)
    assert told[0]["id"] != told[1]["id"]


def test_no_tools_where_only_the_engine_knows(stack: Stack) -> None:
    stack.engine.plan(whole(error('"auto" tool choice requires --enable-auto-tool-choice and '), 400))
    answer = chat(stack, tools=[{"type": "function", "function": {"name": "f"}}])
    told = {"error": "registry.ollama.ai/library/smollm2:135m does not support tools"}
    assert (answer.status_code, answer.json(), len(stack.engine.asked(CHAT))) == (400, told, 1)


def paired(*messages: Json) -> list[tuple[str, str]]:
    """The name that each result says it is of, and the argument of the call that it goes with."""
    request = decode(msgspec.json.encode({"messages": list(messages)}), ChatRequest)
    arguments: dict[str, str] = {}
    results = []
    for message in history(request.messages):
        for call in message.get("tool_calls", []):
            assert call["id"] not in arguments
            arguments[call["id"]] = msgspec.json.decode(call["function"]["arguments"]).get("x", "")
        if message["role"] == "tool":
            results.append((message.get("name", ""), arguments.get(message["tool_call_id"], "nothing")))
    return results


def calling(*calls: tuple[str, str] | tuple[str, str, str]) -> Json:
    """Calls by name, argument, and id where there is one."""
    told = [
        {"function": {"name": name, "arguments": {"x": x}}} | ({"id": more[0]} if more else {})
        for name, x, *more in calls
    ]
    return {"role": "assistant", "tool_calls": told}


def result(name: str = "", call_id: str = "") -> Json:
    return {"role": "Tool", "content": "it", "tool_name": name, "tool_call_id": call_id}


USER = {"role": "user", "content": "again"}


@pytest.mark.parametrize(
    ("messages", "pairs"),
    [
        ([calling(("f", "1")), result()], [("f", "1")]),
        ([calling(("f", "1"), ("g", "2")), result("g"), result("f")], [("g", "2"), ("f", "1")]),
        ([calling(("f", "1"), ("f", "2")), result("f"), result("f")], [("f", "1"), ("f", "2")]),
        ([calling(("f", "1"), ("g", "2")), result(), result()], [("f", "1"), ("g", "2")]),
        ([calling(("f", "1"), ("g", "2")), result("g"), result()], [("g", "2"), ("f", "1")]),
        (
            [calling(("f", "1", "a"), ("f", "2", "b")), result("", "b"), result("", "a")],
            [("f", "2"), ("f", "1")],
        ),
        ([calling(("f", "1"), ("g", "2")), result("", "lost"), result("", "too")], [("f", "1"), ("g", "2")]),
        ([calling(("f", "1", "a"), ("g", "2")), result("", "lost")], [("g", "2")]),
        ([calling(("f", "1", "a")), result("f", "lost")], [("f", "nothing")]),
        ([calling(("f", "1")), USER, calling(("f", "2")), result("f")], [("f", "2")]),
        ([calling(("f", "1")), calling(("g", "2")), result("f"), result("g")], [("f", "1"), ("g", "2")]),
        ([result("f")], [("f", "nothing")]),
        ([calling(("f", "1")), result("f"), result("f")], [("f", "1"), ("f", "nothing")]),
    ],
)
def test_each_result_goes_with_its_call(messages: list[Json], pairs: list[tuple[str, str]]) -> None:
    assert paired(USER, *messages) == pairs
