"""What Ollama's clients write into requests of other dialects, and what a Modelfile lays over them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import CHAT_MANIFEST, RunningProxy, describe, settings_for

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
MODEL = "smollm2:135m"
HI = {"role": "user", "content": "hi"}
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [HI]},
    COMPLETIONS: {"prompt": "hi", "max_tokens": 5},
    RESPONSES: {"input": "hi"},
    MESSAGES: {"messages": [HI], "max_tokens": 5},
    "/v1/messages/count_tokens": {"messages": [HI]},
}
Json = dict[str, Any]

SAILOR = CHAT_MANIFEST | {
    "name": "sailor:latest",
    "base": MODEL,
    "capabilities": ["completion"],
    "overlay": {
        "system": "Talk like a sailor.",
        "parameters": {"temperature": 0.25, "stop": ["arr"], "num_ctx": 1024, "num_predict": 9},
        "messages": [{"role": "user", "content": "Ahoy?"}, {"role": "assistant", "content": "Ahoy!"}],
    },
}
THINKER = CHAT_MANIFEST | {"name": "thinker", "base": MODEL, "capabilities": ["completion", "thinking"]}
CODER = CHAT_MANIFEST | {"name": "starcoder2:3b", "base": MODEL, "digest": "ef" * 32}
AHOY = SAILOR["overlay"]["messages"]
AS_SAILOR = {"role": "system", "content": "Talk like a sailor."}


class Ship:
    def __init__(self, proxy: RunningProxy, engine: FakeEngine) -> None:
        self.client = proxy.client
        self._engine = engine

    def asked(self, path: str, more: Json, model: str = MODEL) -> Json:
        """What the engine was asked."""
        self._engine.reset()
        answer = self.client.post(path, json={"model": model, **BODIES[path], **more})
        assert answer.status_code == 200, answer.text
        body: Json = self._engine.wait_for(path).json()
        assert body.pop("model") == MODEL
        return body


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ship]:
    models: Path = tmp_path_factory.mktemp("models")
    for manifest in (CHAT_MANIFEST, SAILOR, THINKER, CODER):
        describe(models, manifest)
    with FakeEngine() as engine:
        proxy = RunningProxy(settings_for(models, engine.url))
        yield Ship(proxy, engine)
        proxy.stop()


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "more",
    [
        {"keep_alive": "5m"},
        {"keep_alive": -1, "options": {}},
        {"options": None, "keep_alive": None, "think": None},
        {"options": {"num_ctx": 8192, "mirostat": 2, "seed": None, "num_gpu": 99.0}},
    ],
)
def test_what_the_engine_need_not_know_is_dropped(ship: Ship, path: str, more: Json) -> None:
    assert ship.asked(path, more) == BODIES[path]


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES])
def test_options_become_the_engines_own_fields(ship: Ship, path: str) -> None:
    options = {"temperature": 5.0, "top_k": 7.0, "repeat_penalty": 1.5, "stop": ["x"], "seed": 3}
    expected = {"temperature": 2.0, "top_k": 7, "repetition_penalty": 1.5, "stop": ["x"], "seed": 3}
    assert ship.asked(path, {"options": options}) == BODIES[path] | expected


def test_anthropics_dialect_has_names_of_its_own(ship: Ship) -> None:
    options = {"temperature": 0.5, "stop": ["x"], "seed": 3, "num_predict": 100}
    expected = BODIES[MESSAGES] | {"temperature": 0.5, "stop_sequences": ["x"]}
    assert ship.asked(MESSAGES, {"options": options}) == expected


@pytest.mark.parametrize(
    ("path", "body", "written"),
    [
        (CHAT, {}, {"max_tokens": 50}),
        (CHAT, {"max_tokens": 7}, {"max_tokens": 7}),
        (CHAT, {"max_completion_tokens": 7}, {"max_completion_tokens": 7}),
        (CHAT, {"max_tokens": None}, {"max_tokens": 50}),
        (RESPONSES, {}, {"max_output_tokens": 50}),
        (COMPLETIONS, {"max_tokens": None}, {"max_tokens": 50}),
    ],
)
def test_the_bodys_own_fields_win(ship: Ship, path: str, body: Json, written: Json) -> None:
    asked = ship.asked(path, body | {"options": {"num_predict": 50, "temperature": 0.5}, "temperature": 0.75})
    assert asked == BODIES[path] | written | {"temperature": 0.75}


def test_a_completion_without_a_limit_is_written_to_its_end(ship: Ship) -> None:
    assert ship.asked(COMPLETIONS, {"max_tokens": None})["max_tokens"] == 2048


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (CHAT, "max_tokens"),
        (CHAT, "max_completion_tokens"),
        (COMPLETIONS, "max_tokens"),
        (RESPONSES, "max_output_tokens"),
        (MESSAGES, "max_tokens"),
    ],
)
@pytest.mark.parametrize(("limit", "sent"), [(32000, 2048), (2049, 2048), (2048, 2048), (7, 7)])
def test_a_limit_beyond_the_context_is_as_much_as_fits(
    ship: Ship, path: str, name: str, limit: int, sent: int
) -> None:
    assert ship.asked(path, {name: limit}) == BODIES[path] | {name: sent}


@pytest.mark.parametrize(
    ("path", "name"),
    [(CHAT, "max_tokens"), (CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens")],
)
def test_a_limit_below_zero_is_none(ship: Ship, path: str, name: str) -> None:
    assert ship.asked(path, {name: -1}) == BODIES[path]
    assert ship.asked(path, {name: -1, "options": {"num_predict": 9}}) == BODIES[path]


def test_a_completion_with_a_limit_below_zero_is_written_to_its_end(ship: Ship) -> None:
    assert ship.asked(COMPLETIONS, {"max_tokens": -1})["max_tokens"] == 2048


class TestFillingIn:
    def test_by_the_models_family(self, ship: Ship) -> None:
        asked = ship.asked(COMPLETIONS, {"prompt": "be", "suffix": "af"}, "starcoder2:3b")
        assert asked["prompt"] == "<fim_prefix>be<fim_suffix>af<fim_middle>"
        assert len(asked["stop_token_ids"]) >= 3
        assert "suffix" not in asked
        own = ship.asked(COMPLETIONS, {"suffix": "af", "stop_token_ids": [5]}, "starcoder2:3b")
        assert own["stop_token_ids"] == [5]

    @pytest.mark.parametrize("suffix", [None, ""])
    def test_no_suffix_is_no_suffix(self, ship: Ship, suffix: object) -> None:
        assert not ship.asked(COMPLETIONS, {"suffix": suffix}, "starcoder2:3b").get("suffix")

    @pytest.mark.parametrize(
        ("model", "more", "message"),
        [
            (MODEL, {}, "registry.ollama.ai/library/smollm2:135m does not support insert"),
            ("starcoder2:3b", {"prompt": ["a"]}, "a suffix takes a prompt that is one text"),
            ("starcoder2:3b", {"suffix": 5}, "a suffix takes a prompt that is one text"),
        ],
    )
    def test_what_cannot_be_filled(self, ship: Ship, model: str, more: Json, message: str) -> None:
        asked = {"model": model, "prompt": "be", "suffix": "af"} | more
        answer = ship.client.post(COMPLETIONS, json=asked)
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


@pytest.mark.parametrize(
    ("think", "expected"),
    [
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
def test_think(ship: Ship, think: object, expected: Json) -> None:
    assert ship.asked(CHAT, {"think": think}, "thinker") == BODIES[CHAT] | expected


def test_think_in_a_response(ship: Ship) -> None:
    assert ship.asked(RESPONSES, {"think": "low"})["reasoning"] == {"effort": "low"}


def test_switches_of_the_clients_own_win(ship: Ship) -> None:
    asked = ship.asked(CHAT, {"think": True, "chat_template_kwargs": {"thinking": False, "mood": 1}})
    assert asked["chat_template_kwargs"] == {"enable_thinking": True, "thinking": False, "mood": 1}


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({"reasoning_effort": "none"}, "none"),
        ({"reasoning_effort": "minimal"}, "minimal"),
        ({"reasoning_effort": "xhigh"}, "xhigh"),
        ({"reasoning_effort": "ultra"}, "max"),
        ({"reasoning": {"effort": "low"}}, "low"),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, "high"),
    ],
)
def test_efforts(ship: Ship, body: Json, effort: str) -> None:
    assert ship.asked(CHAT, body)["reasoning_effort"] == effort


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_what_ollama_takes_and_the_engine_refuses(ship: Ship, path: str) -> None:
    whole = ship.asked(path, {"stream_options": {"include_usage": True}, "stream": False})
    assert whole == BODIES[path] | {"stream": False}
    asked = ship.asked(path, {"stream_options": {"include_usage": True}, "stream": True})
    assert asked["stream_options"] == {"include_usage": True}


def test_no_tools_are_no_tools(ship: Ship) -> None:
    assert ship.asked(CHAT, {"tools": [], "tool_choice": "auto"}) == BODIES[CHAT]


class TestModelfiles:
    OWN: Json = {"temperature": 0.25, "stop": ["arr"], "max_tokens": 9}  # noqa: RUF012 - a table

    def test_of_a_chat(self, ship: Ship) -> None:
        assert ship.asked(CHAT, {}, "sailor") == {"messages": [AS_SAILOR, *AHOY, HI], **self.OWN}

    def test_requests_win(self, ship: Ship) -> None:
        brief = {"role": "system", "content": "Be brief."}
        more = {"messages": [brief, HI], "temperature": 1, "options": {"stop": ["x"], "num_predict": -1}}
        asked = ship.asked(CHAT, more, "sailor")
        assert asked == {"messages": [brief, *AHOY, HI], "temperature": 1, "stop": ["x"]}

    def test_of_a_completion(self, ship: Ship) -> None:
        assert ship.asked(COMPLETIONS, {}, "sailor") == BODIES[COMPLETIONS] | self.OWN | {"max_tokens": 5}

    def test_of_a_response(self, ship: Ship) -> None:
        asked = ship.asked(RESPONSES, {}, "sailor")
        assert (asked["instructions"], asked["input"]) == ("Talk like a sailor.", [*AHOY, HI])
        assert (asked["temperature"], asked["max_output_tokens"]) == (0.25, 9)
        assert ship.asked(RESPONSES, {"instructions": "x", "input": [HI]}, "sailor")["instructions"] == "x"

    @pytest.mark.parametrize("path", [MESSAGES, "/v1/messages/count_tokens"])
    def test_of_messages(self, ship: Ship, path: str) -> None:
        asked = ship.asked(path, {}, "sailor")
        assert (asked["system"], asked["messages"]) == ("Talk like a sailor.", [*AHOY, HI])
        own = [{"type": "text", "text": "x"}]
        assert ship.asked(path, {"system": own}, "sailor")["system"] == own

    def test_the_answer_goes_by_the_models_own_name(self, ship: Ship) -> None:
        answer = ship.client.post("/v1/responses", json={"model": "sailor", "input": "hi"})
        assert answer.json()["asked"]["model"] == "sailor"


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        (MODEL, {"keep_alive": "5"}, 'time: missing unit in duration "5"'),
        (MODEL, {"keep_alive": True}, "Unsupported type: 'bool'"),
        (MODEL, {"options": []}, None),
        (MODEL, {"options": {"temperature": "hot"}}, 'option "temperature" must be of type float32'),
        (MODEL, {"think": "hard"}, None),
        (MODEL, {"think": 5}, None),
        ("sailor", {"think": True}, '"sailor" does not support thinking'),
        ("sailor", {"think": "low"}, '"sailor" does not support thinking'),
    ],
)
def test_extensions_at_fault(ship: Ship, model: str, more: Json, message: str | None) -> None:
    answer = ship.client.post(CHAT, json={"model": model, **BODIES[CHAT], **more})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert message in (None, error["message"])
