"""What a client sets, and how the engine is told."""

from pathlib import Path

import pytest

from tests.fakes.fake_engine import FakeEngine, delta, error, streamed, usage
from tests.fakes.fake_server import whole
from tests.proxy.asking import CHAT, COMPLETIONS, MODEL, Json, asked, chat, generate, records
from tests.proxy.conftest import Stack, StartProxy, settings_for


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


def test_options_without_effect_are_told_of_once_and_by_name_alone(
    start_proxy: StartProxy, engine: FakeEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = start_proxy(settings_for(tmp_path, engine.url)).client
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": False}
    for number in range(3):
        options = {"mirostat": 98765, "num_gpu": number, "tfs_z": None, "made_up": 98765, "top_k": 3}
        assert client.post("/api/chat", json=body | {"options": options}).status_code == 200
    told = [record.getMessage() for record in caplog.records if record.name == "proxy.options"]
    assert told == [f"option {name} has no effect here, and is ignored" for name in OF_NO_USE]
    assert "98765" not in caplog.text
    assert "made_up" not in caplog.text


OF_NO_USE = ("mirostat", "num_gpu", "tfs_z")


def test_more_stops_than_the_engine_takes(stack: Stack) -> None:
    refusal = "[{'type': 'too_long', 'msg': 'List should have at most 4 items after validation, not 5'}]"
    stack.engine.plan(whole(error(refusal), 400))
    told = chat(stack, stream=False, options={"stop": list("abcde")}).json()
    assert told["done"] is True
    assert [request.json()["stop"] for request in stack.engine.asked(CHAT)] == [list("abcde"), list("abcd")]


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
