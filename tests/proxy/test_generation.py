"""Chats and plain generations: what the engine is asked, and what the client gets."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.fakes.fake_engine import delta, error, said, streamed, text, usage
from tests.fakes.fake_server import whole
from tests.proxy.conftest import Stack

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
MODEL = "smollm2:135m"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
METRICS = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
}
Json = dict[str, Any]


def records(answer: httpx.Response) -> list[Json]:
    return [json.loads(line) for line in answer.text.splitlines()]


def chat(stack: Stack, *messages: Json, **more: object) -> httpx.Response:
    asked = {"model": MODEL, "messages": list(messages) or [{"role": "user", "content": "one two"}]}
    return stack.client.post("/api/chat", json=asked | more)


def generate(stack: Stack, prompt: str = "one two", **more: object) -> httpx.Response:
    return stack.client.post("/api/generate", json={"model": MODEL, "prompt": prompt} | more)


def asked(stack: Stack, path: str = CHAT) -> Json:
    body: Json = stack.engine.wait_for(path).json()
    return body


def test_a_chat_streams_a_record_for_each_piece(stack: Stack) -> None:
    answer = chat(stack)
    assert answer.headers["content-type"] == "application/x-ndjson"
    first, second, last = records(answer)
    assert first.keys() == {"model", "created_at", "message", "done"}
    assert [first["message"], second["message"]] == [
        {"role": "assistant", "content": "one "},
        {"role": "assistant", "content": "two "},
    ]
    assert (first["done"], second["done"], last["done"]) == (False, False, True)
    assert last["message"] == {"role": "assistant", "content": ""}
    assert last["done_reason"] == "stop"
    assert last.keys() - {"model", "created_at", "message", "done", "done_reason"} == METRICS
    assert all(last[name] > 0 for name in METRICS)
    assert (last["prompt_eval_count"], last["eval_count"]) == (7, 3)
    assert last["total_duration"] >= last["prompt_eval_duration"] + last["eval_duration"]


def test_a_whole_chat_is_one_object(stack: Stack) -> None:
    answer = chat(stack, stream=False)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = answer.json()
    assert told["message"] == {"role": "assistant", "content": "one two "}
    assert told["done"] is True
    assert told["done_reason"] == "stop"
    assert all(told[name] > 0 for name in METRICS)


def test_a_generation_carries_its_text_in_response(stack: Stack) -> None:
    first, _, last = records(generate(stack))
    assert first["response"] == "one "
    assert last["response"] == ""
    assert generate(stack, stream=False).json()["response"] == "one two "


def test_the_models_name_comes_back_as_it_was_written(stack: Stack) -> None:
    told = chat(stack, model="SMOLLM2:135M", stream=False).json()
    assert told["model"] == "SMOLLM2:135M"
    assert asked(stack)["model"] == MODEL


def test_the_engine_is_asked_for_a_stream_with_usage_and_nothing_more(stack: Stack) -> None:
    chat(stack, stream=False)
    assert asked(stack) == {
        "model": MODEL,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "one two"}],
    }


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "nonsense"])
def test_the_content_type_does_not_matter(stack: Stack, content_type: str) -> None:
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": False})
    answer = stack.client.post("/api/chat", content=body, headers={"content-type": content_type})
    assert answer.json()["done"] is True


def test_gos_way_with_json(stack: Stack) -> None:
    body = b"""{"MODEL": "x", "Model": "smollm2:135m", "Messages": [{"ROLE": "USER", "Content": "one"}],
        "stream": null, "STREAM": false, "keep_alive": null, "unknown": [1], "options": null} trailing"""
    assert stack.client.post("/api/chat", content=body).json()["message"]["content"] == "one "
    assert asked(stack)["messages"] == [{"role": "user", "content": "one"}]


def test_options_reach_the_engine(stack: Stack) -> None:
    options = {
        "temperature": 9,
        "top_k": 40.0,
        "top_p": 0,
        "min_p": 2,
        "repeat_penalty": 0,
        "presence_penalty": -5,
        "frequency_penalty": 0.5,
        "seed": 42.0,
        "stop": ["a", ""],
        "num_predict": 5.0,
        "num_ctx": 8192.0,
        "mirostat": "who cares",
        "num_gpu": None,
    }
    chat(stack, options=options)
    got = asked(stack)
    assert got.keys() - {"model", "stream", "stream_options", "messages"} == {
        *("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty"),
        *("frequency_penalty", "seed", "stop", "max_tokens"),
    }
    assert (got["temperature"], got["min_p"], got["presence_penalty"]) == (2, 1, -2)
    assert (got["top_k"], got["seed"], got["max_tokens"]) == (40, 42, 5)
    assert type(got["top_k"]) is int
    assert 0 < got["top_p"] < 0.01
    assert (got["repetition_penalty"], got["stop"]) == (1, ["a"])


@pytest.mark.parametrize(
    ("num_predict", "raw", "max_tokens"),
    [
        (5, False, 5),
        (-1, False, None),
        (-2, False, None),
        (10**12, False, 2048),
        (5, True, 5),
        (-1, True, 2048),
        (None, True, 2048),
        (10**12, True, 2048),
    ],
)
def test_the_lengths_special_values(
    stack: Stack, num_predict: int | None, raw: bool, max_tokens: int | None
) -> None:
    generate(stack, raw=raw, options={"num_predict": num_predict})
    assert asked(stack, COMPLETIONS if raw else CHAT).get("max_tokens") == max_tokens


@pytest.mark.parametrize("stream", [True, False])
def test_no_tokens_asked_for_is_no_text_but_a_count(stack: Stack, stream: bool) -> None:
    stack.engine.plan(streamed([delta(content="secret"), delta("length"), usage(7, 1)]))
    last = records(chat(stack, stream=stream, options={"num_predict": 0}))
    assert len(last) == 1
    assert last[0]["message"]["content"] == ""
    assert (last[0]["done_reason"], last[0]["prompt_eval_count"]) == ("length", 7)
    assert not {"eval_count", "eval_duration"} & last[0].keys()
    assert asked(stack)["max_tokens"] == 1


def test_raw_prompts_go_to_completions_untouched(stack: Stack) -> None:
    told = generate(stack, "<|im_start|>x", raw=True, stream=False).json()
    assert told["response"] == "<|im_start|>x"
    got = asked(stack, COMPLETIONS)
    assert got["prompt"] == "<|im_start|>x"
    assert "messages" not in got


def test_a_system_prompt_and_pictures(stack: Stack) -> None:
    generate(stack, "what?", system="be brief", images=[PNG], stream=False)
    assert asked(stack)["messages"] == [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("format_", "response_format"),
    [
        ("", None),
        (None, None),
        ("json", {"type": "json_object"}),
        (
            {"type": "object"},
            {"type": "json_schema", "json_schema": {"name": "schema", "schema": {"type": "object"}}},
        ),
    ],
)
def test_formats(stack: Stack, format_: object, response_format: object) -> None:
    chat(stack, format=format_)
    assert asked(stack).get("response_format") == response_format


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_under_either_name(stack: Stack, name: str) -> None:
    events = [delta(**{name: "hm"}), delta(**{name: " ok"}), delta(content="yes"), delta("stop"), usage(1, 3)]
    stack.engine.plan(streamed(events))
    stack.engine.plan(streamed(events))
    first, *_ = records(chat(stack))
    assert first["message"] == {"role": "assistant", "content": "", "thinking": "hm"}
    told = chat(stack, stream=False).json()
    assert told["message"] == {"role": "assistant", "content": "yes", "thinking": "hm ok"}


@pytest.mark.parametrize(
    ("think", "fields"),
    [
        (None, {}),
        (True, {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}),
        (False, {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
        (
            "high",
            {
                "reasoning_effort": "high",
                "chat_template_kwargs": {"enable_thinking": True, "thinking": True},
            },
        ),
    ],
)
def test_thinking_is_switched_in_the_template(stack: Stack, think: object, fields: Json) -> None:
    chat(stack, think=think)
    got = asked(stack)
    assert {name: got[name] for name in got if name in ("reasoning_effort", "chat_template_kwargs")} == fields


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


def test_log_probabilities_of_a_chat(stack: Stack) -> None:
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    spoken = {"content": [token | {"top_logprobs": [token, {"token": "e", "logprob": -1.5}]}]}
    stack.engine.plan(streamed([delta(content="é", logprobs=spoken), delta("stop"), usage(1, 1)]))
    first, _ = records(chat(stack, logprobs=True, top_logprobs=2))
    assert first["logprobs"] == [token | {"top_logprobs": [token, {"token": "e", "logprob": -1.5}]}]
    got = asked(stack)
    assert (got["logprobs"], got["top_logprobs"]) == (True, 2)


def test_log_probabilities_of_a_completion(stack: Stack) -> None:
    # The engine adds the chosen token to those that were asked for.
    tops = [{"ho": -1.5, "hi": -0.25}]
    spoken = {"tokens": ["hi"], "token_logprobs": [-0.25], "top_logprobs": tops, "text_offset": [0]}
    stack.engine.plan(streamed([text("hi", logprobs=spoken), text("", "length"), usage(1, 1)]))
    told = generate(stack, raw=True, stream=False, logprobs=True, top_logprobs=1).json()
    token = {"token": "hi", "logprob": -0.25, "bytes": [104, 105]}
    assert told["logprobs"] == [token | {"top_logprobs": [token]}]
    assert told["done_reason"] == "length"
    assert asked(stack, COMPLETIONS)["logprobs"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/api/chat", {}, 400, "model is required"),
        ("/api/chat", {"model": "foo", "messages": [{}]}, 404, "model 'foo' not found"),
        ("/api/chat", {"model": "a b"}, 400, "invalid model name"),
        ("/api/generate", {"prompt": "x"}, 404, "model '' not found"),
        ("/api/generate", {"model": "foo"}, 404, "model 'foo' not found"),
        ("/api/generate", {"model": "../x", "prompt": "x"}, 400, "invalid model name"),
        (
            "/api/generate",
            {"model": MODEL, "prompt": "x", "raw": True, "system": "y"},
            400,
            "raw mode does not support template, system, or context",
        ),
        (
            "/api/generate",
            {"model": MODEL, "prompt": "x", "suffix": "y"},
            400,
            "registry.ollama.ai/library/smollm2:135m does not support insert",
        ),
        (
            "/api/chat",
            {"model": "all-minilm:l6-v2", "messages": [{"role": "user"}]},
            400,
            '"all-minilm:l6-v2" does not support chat',
        ),
        (
            "/api/generate",
            {"model": "all-minilm:l6-v2", "prompt": "x"},
            400,
            '"all-minilm:l6-v2" does not support generate',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "top_logprobs": 21},
            400,
            "top_logprobs must be between 0 and 20",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "options": {"num_ctx": "8k"}},
            400,
            'option "num_ctx" must be of type integer',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "options": {"stop": "x"}},
            400,
            'option "stop" must be of type array',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "format": "xml"},
            400,
            'invalid format: "xml"; expected "json" or a valid JSON Schema object',
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{}], "think": "hard"},
            400,
            'invalid think value: "hard" (must be "high", "medium", "low", "max", true, or false)',
        ),
        ("/api/chat", {"model": MODEL, "keep_alive": "5"}, 400, 'time: missing unit in duration "5"'),
        ("/api/chat", {"model": MODEL, "keep_alive": True}, 400, "Unsupported type: 'bool'"),
        (
            "/api/chat",
            {"model": MODEL, "messages": "x"},
            400,
            "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{"content": 5}]},
            400,
            "json: cannot unmarshal number into Go struct field ChatRequest.messages.content of type string",
        ),
        (
            "/api/chat",
            {"model": MODEL, "messages": [{"images": ["%%%"]}]},
            400,
            "illegal base64 data in images",
        ),
    ],
)
def test_requests_at_fault(stack: Stack, path: str, body: Json, status: int, message: str) -> None:
    answer = stack.client.post(path, json=body)
    assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert answer.headers["content-type"].startswith("application/json")
    assert stack.engine.asked(CHAT) == []


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize(
    ("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (-1, "load"), (0, "unload"), ("0s", "unload")]
)
def test_no_prompt_loads_or_unloads(stack: Stack, path: str, keep_alive: object, reason: str) -> None:
    answer = stack.client.post(path, json={"model": MODEL, "keep_alive": keep_alive})
    assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    assert (told["done"], told["done_reason"]) == (True, reason)
    assert not METRICS & told.keys()
    assert told.get("response", told.get("message")) in ("", {"role": "assistant", "content": ""})
    assert stack.engine.asked(CHAT) == []


@pytest.mark.parametrize(
    ("status", "engine_says", "expected"),
    [
        (
            400,
            "This model's maximum context length is 2048 tokens. However, your prompt contains 3000 tokens.",
            (400, "the input length exceeds the context length"),
        ),
        (
            400,
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            (400, "registry.ollama.ai/library/smollm2:135m does not support tools"),
        ),
        (
            400,
            "smollm2:135m is not a multimodal model",
            (400, "registry.ollama.ai/library/smollm2:135m does not support images"),
        ),
        (400, "bad grammar", (400, "bad grammar")),
        (404, "The model `x` does not exist.", (503, "model 'smollm2:135m' is not loaded by the engine")),
        (429, "too many", (503, "server busy, please try again.  maximum pending requests exceeded")),
        (500, "it broke", (500, "it broke")),
        (503, "Loading model", (503, "Loading model")),
        (401, "who are you", (502, "the engine answered with status 401: who are you")),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_what_the_engine_refuses(
    stack: Stack, status: int, engine_says: str, expected: tuple[int, str], stream: bool
) -> None:
    stack.engine.plan(whole(error(engine_says, status), status))
    answer = chat(stack, stream=stream)
    assert (answer.status_code, answer.json()["error"]) == expected


def test_more_stops_than_the_engine_takes(stack: Stack) -> None:
    refusal = "[{'type': 'too_long', 'msg': 'List should have at most 4 items after validation, not 5'}]"
    stack.engine.plan(whole(error(refusal), 400))
    told = chat(stack, stream=False, options={"stop": list("abcde")}).json()
    assert told["done"] is True
    assert [request.json()["stop"] for request in stack.engine.asked(CHAT)] == [list("abcde"), list("abcd")]


def test_an_error_before_the_first_piece_still_has_a_status(stack: Stack) -> None:
    stack.engine.plan(streamed([error("the engine is dead", 500)]))
    answer = chat(stack)
    assert (answer.status_code, answer.json()) == (500, {"error": "the engine is dead"})


def test_an_error_in_the_middle_is_the_last_record(stack: Stack) -> None:
    stack.engine.plan(streamed([*said(["one "])[:2], error("the engine is dead", 500)]))
    first, last = records(chat(stack))
    assert first["message"]["content"] == "one "
    assert last == {"error": "the engine is dead"}
    stack.engine.plan(streamed([*said(["one "])[:2], error("the engine is dead", 500)]))
    assert chat(stack, stream=False).status_code == 500


def test_a_stream_without_usage_still_counts(stack: Stack) -> None:
    stack.engine.plan(streamed([delta(content="a"), delta(content="b"), delta("stop")]))
    told = chat(stack, stream=False).json()
    assert told["eval_count"] == 2
    assert all(told[name] > 0 for name in METRICS - {"prompt_eval_count"})
