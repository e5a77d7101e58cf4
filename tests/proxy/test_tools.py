"""Tools: what the engine calls, and histories that hold such calls."""

from tests.fakes.fake_engine import delta, streamed, usage
from tests.proxy.asking import Json, asked, chat, records
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
