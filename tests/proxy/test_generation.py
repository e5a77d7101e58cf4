"""Chats and plain generations: what the engine is asked, and what the client gets."""

import base64
import json

import pytest

from tests.fakes.fake_engine import delta, error, streamed, text, usage
from tests.proxy.asking import CHAT, COMPLETIONS, METRICS, MODEL, Json, asked, chat, generate, records
from tests.proxy.conftest import Stack

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


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


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_under_either_name(stack: Stack, name: str) -> None:
    events = [delta(**{name: "hm"}), delta(**{name: " ok"}), delta(content="yes"), delta("stop"), usage(1, 3)]
    stack.engine.plan(streamed(events))
    stack.engine.plan(streamed(events))
    first, *_ = records(chat(stack))
    assert first["message"] == {"role": "assistant", "content": "", "thinking": "hm"}
    told = chat(stack, stream=False).json()
    assert told["message"] == {"role": "assistant", "content": "yes", "thinking": "hm ok"}


def test_log_probabilities_of_a_chat(stack: Stack) -> None:
    token = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    spoken = {"content": [token | {"top_logprobs": [token, {"token": "e", "logprob": -1.5}]}]}
    stack.engine.plan(streamed([delta(content="é", logprobs=spoken), delta("stop"), usage(1, 1)]))
    first, _ = records(chat(stack, logprobs=True, top_logprobs=2))
    assert first["logprobs"] == [token | {"top_logprobs": [token, {"token": "e", "logprob": -1.5}]}]
    got = asked(stack)
    assert (got["logprobs"], got["top_logprobs"]) == (True, 2)


@pytest.mark.parametrize(("told", "said"), [("", "one"), (" two", "one two")])
def test_the_token_that_ends_an_answer_is_no_part_of_it(stack: Stack, told: str, said: str) -> None:
    def tokens(*texts: str) -> Json:
        return {"content": [{"token": token, "logprob": -0.5, "bytes": None} for token in texts if token]}

    last = delta("stop", content=told, logprobs=tokens(told, "<|im_end|>"))
    stack.engine.plan(streamed([delta(content="one", logprobs=tokens("one")), last, usage(1, 3)]))
    answer = chat(stack, stream=False, logprobs=True).json()
    assert answer["message"]["content"] == said
    assert "".join(entry["token"] for entry in answer["logprobs"]) == said


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


def test_a_stream_without_usage_still_counts(stack: Stack) -> None:
    stack.engine.plan(streamed([delta(content="a"), delta(content="b"), delta("stop")]))
    told = chat(stack, stream=False).json()
    assert told["eval_count"] == 2
    assert all(told[name] > 0 for name in METRICS - {"prompt_eval_count"})


@pytest.mark.parametrize("ends", ["a\x85b", "a\u2028b\u2029", "\x0b\x0c\x1c\x1d\x1e\r\n"])
def test_every_record_is_one_line_also_to_python(stack: Stack, ends: str) -> None:
    """Its `splitlines`, and so its HTTP clients, know more ends of lines than JSON does."""
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": json.dumps({"x": ends})}}
    events = [
        delta(content=ends),
        delta(reasoning=ends),
        delta(tool_calls=[call]),
        delta("stop"),
        usage(1, 1),
    ]
    stack.engine.plan(streamed(events))
    spoken, thought, called, _ = [json.loads(line)["message"] for line in chat(stack).iter_lines()]
    assert (spoken["content"], thought["thinking"]) == (ends, ends)
    assert called["tool_calls"][0]["function"]["arguments"] == {"x": ends}
    stack.engine.plan(streamed([*events[:1], error(f"so{ends}it", 500)]))
    told = " ".join(f"so{ends}it".split())
    assert [json.loads(line) for line in chat(stack).iter_lines()][-1] == {"error": told}
