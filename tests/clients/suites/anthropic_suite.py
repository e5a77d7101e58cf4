"""Anthropic's own client, before a real engine. What so small a model says is its own affair; that it is said
in the way that the client knows is not."""

import os
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from pydantic import BaseModel

HOST = os.environ["OLLAMA_HOST"]
CHAT, EMBEDDER = os.environ["CHAT_MODEL"], os.environ["EMBEDDING_MODEL"]
PLACE: dict[str, Any] = {"base_url": HOST, "api_key": "none", "max_retries": 0, "timeout": 120}
ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
# This client knows no temperature.
SURE: dict[str, Any] = {"extra_body": {"temperature": 0}}
GREEDY: dict[str, Any] = {"model": CHAT, "messages": ASKED, "max_tokens": 24, **SURE}
TOO_LONG = "word " * 5000
ADD: Any = {
    "name": "add",
    "description": "Adds two numbers.",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"enum": [3, 4]}, "b": {"enum": [3, 4]}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}
ADDITION: dict[str, Any] = {
    "model": CHAT,
    "messages": [{"role": "user", "content": "Add 3 and 4."}],
    "tools": [ADD],
    "max_tokens": 200,
    **SURE,
}


class Capital(BaseModel):
    large: bool


@pytest.fixture
def client() -> Any:
    """It takes no answer that lacks what its types promise, or has it in another type."""
    with Anthropic(**PLACE, _strict_response_validation=True) as client:
        yield client


@pytest.fixture
async def client_of_a_loop() -> Any:
    async with AsyncAnthropic(**PLACE, _strict_response_validation=True) as client:
        yield client


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_message(client: Anthropic) -> None:
    told = client.messages.create(**GREEDY)
    assert (told.type, told.role, told.model) == ("message", "assistant", CHAT)
    assert told.id
    assert "Paris" in text_of(told)
    assert told.stop_reason in ("end_turn", "max_tokens")
    assert told.stop_sequence is None
    assert told.usage.input_tokens > 10
    assert 0 < told.usage.output_tokens <= 24


async def test_message_asynchronously(client_of_a_loop: AsyncAnthropic) -> None:
    assert "Paris" in text_of(await client_of_a_loop.messages.create(**GREEDY))


def test_events(client: Anthropic) -> None:
    events: list[Any] = list(client.messages.create(**GREEDY, stream=True))
    kinds = [event.type for event in events]
    deltas = kinds.count("content_block_delta")
    assert deltas > 3
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start, block, last = events[0].message, events[1], events[-2]
    assert (start.role, start.model, start.content, start.stop_reason) == ("assistant", CHAT, [], None)
    assert start.usage.input_tokens > 10
    assert (block.index, block.content_block.type, block.content_block.text) == (0, "text", "")
    assert "Paris" in "".join(event.delta.text for event in events[2 : 2 + deltas])
    assert last.delta.stop_reason in ("end_turn", "max_tokens")
    assert 0 < last.usage.output_tokens <= 24


def test_stream_that_the_client_puts_together(client: Anthropic) -> None:
    with client.messages.stream(**GREEDY) as stream:
        texts = list(stream.text_stream)
        told = stream.get_final_message()
    assert len(texts) > 3
    assert "Paris" in "".join(texts)
    assert text_of(told) == "".join(texts)
    assert told.stop_reason in ("end_turn", "max_tokens")
    whole = client.messages.create(**GREEDY)
    assert told.usage.input_tokens == whole.usage.input_tokens


async def test_stream_asynchronously(client_of_a_loop: AsyncAnthropic) -> None:
    async with client_of_a_loop.messages.stream(**GREEDY) as stream:
        texts = [text async for text in stream.text_stream]
        assert text_of(await stream.get_final_message()) == "".join(texts)
    assert "Paris" in "".join(texts)


@pytest.mark.parametrize(
    "system",
    ["You know geography.", [{"type": "text", "text": "You know geography."}]],
    ids=["text", "blocks"],
)
def test_system(client: Anthropic, system: Any) -> None:
    told = client.messages.create(**GREEDY, system=system)
    plain = client.messages.create(**GREEDY)
    assert told.usage.input_tokens != plain.usage.input_tokens
    assert text_of(told)


def test_history(client: Anthropic) -> None:
    messages = [
        *ASKED,
        {"role": "assistant", "content": [{"type": "text", "text": "Paris."}]},
        {"role": "user", "content": [{"type": "text", "text": "Of which country is it the capital?"}]},
    ]
    assert "France" in text_of(client.messages.create(**GREEDY | {"messages": messages}))


def test_stop_sequence(client: Anthropic) -> None:
    told = client.messages.create(**GREEDY, stop_sequences=["never said", "is"])
    assert "is" not in text_of(told)
    assert text_of(told)
    assert (told.stop_reason, told.stop_sequence) == ("stop_sequence", "is")


def test_stop_sequence_in_a_stream(client: Anthropic) -> None:
    with client.messages.stream(**GREEDY, stop_sequences=["is"]) as stream:
        told = stream.get_final_message()
    assert "is" not in text_of(told)
    assert (told.stop_reason, told.stop_sequence) == ("stop_sequence", "is")


def test_limit(client: Anthropic) -> None:
    told = client.messages.create(**GREEDY | {"max_tokens": 3})
    assert (told.stop_reason, told.usage.output_tokens) == ("max_tokens", 3)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}], ids=["any", "named"])
def test_tool_that_must_be_called(client: Anthropic, choice: Any) -> None:
    told = client.messages.create(**ADDITION, tool_choice=choice)
    [call, *_] = [block for block in told.content if block.type == "tool_use"]
    assert call.id
    assert call.name == "add"
    assert call.input.keys() == {"a", "b"}
    assert told.stop_reason == "tool_use"


def test_tool_in_a_stream(client: Anthropic) -> None:
    with client.messages.stream(**ADDITION, tool_choice={"type": "any"}) as stream:
        parts = [event.partial_json for event in stream if event.type == "input_json"]
        told = stream.get_final_message()
    assert parts
    [call, *_] = [block for block in told.content if block.type == "tool_use"]
    assert call.id
    assert call.name == "add"
    assert call.input.keys() == {"a", "b"}
    assert told.stop_reason == "tool_use"


def test_result_of_a_tool(client: Anthropic) -> None:
    asked = client.messages.create(**ADDITION, tool_choice={"type": "any"})
    [call, *_] = [block for block in asked.content if block.type == "tool_use"]
    messages = [
        *ADDITION["messages"],
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "7"}]},
    ]
    assert client.messages.create(**ADDITION | {"messages": messages, "max_tokens": 24}).content


def test_parse(client: Anthropic) -> None:
    told = client.messages.parse(**GREEDY | {"max_tokens": 100}, output_format=Capital)
    assert isinstance(told.parsed_output, Capital)


@pytest.mark.parametrize(
    "more", [{}, {"system": "You know geography."}, {"tools": [ADD]}], ids=["messages", "system", "tools"]
)
def test_count_of_tokens(client: Anthropic, more: dict[str, Any]) -> None:
    counted = client.messages.count_tokens(model=CHAT, messages=ASKED, **more)
    assert counted.input_tokens == client.messages.create(**GREEDY, **more).usage.input_tokens


def test_models(client: Anthropic) -> None:
    assert {CHAT, EMBEDDER} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(CHAT).id == CHAT


def test_beta(client: Anthropic) -> None:
    """Its paths are those of the others, with a query."""
    told = client.beta.messages.create(**GREEDY, betas=["context-management-2025-06-27"])
    assert "Paris" in text_of(told)
    counted = client.beta.messages.count_tokens(model=CHAT, messages=ASKED)
    assert counted.input_tokens == told.usage.input_tokens


def test_what_only_anthropic_knows(client: Anthropic) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    content = [{"type": "text", "text": ASKED[0]["content"], **mark}]
    told = client.messages.create(
        **GREEDY | {"messages": [{"role": "user", "content": content}]},
        system=[{"type": "text", "text": "You know geography.", **mark}],
        metadata={"user_id": "somebody"},
        service_tier="auto",
    )
    assert "Paris" in text_of(told)


@pytest.mark.parametrize("kind", ["disabled", "adaptive"])
def test_thinking_that_the_model_may_leave_out(client: Anthropic, kind: str) -> None:
    assert "Paris" in text_of(client.messages.create(**GREEDY, thinking={"type": kind}))


@pytest.mark.xfail(
    reason="vLLM refuses a budget for a model that does not think", raises=anthropic.BadRequestError
)
def test_budget_for_thinking(client: Anthropic) -> None:
    asked = GREEDY | {"max_tokens": 1100}
    client.messages.create(**asked, thinking={"type": "enabled", "budget_tokens": 1024})


@pytest.mark.xfail(reason="vLLM answers a begun answer with a new one", raises=AssertionError)
def test_answer_that_is_begun(client: Anthropic) -> None:
    begun = [*ASKED, {"role": "assistant", "content": "The capital of France is"}]
    told = client.messages.create(**GREEDY | {"messages": begun})
    assert text_of(told).lstrip().startswith("Paris")


@pytest.mark.xfail(reason="vLLM takes no documents", raises=anthropic.BadRequestError)
def test_document(client: Anthropic) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "The sky is green."}
    content = [{"type": "document", "source": source}, {"type": "text", "text": "What is the sky?"}]
    client.messages.create(**GREEDY | {"messages": [{"role": "user", "content": content}]})


@pytest.mark.xfail(reason="vLLM searches nothing", raises=anthropic.BadRequestError)
def test_tool_of_the_server(client: Anthropic) -> None:
    client.messages.create(**GREEDY, tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_extensions_of_ollama(client: Anthropic) -> None:
    more = {"options": {"temperature": 0, "stop": ["is"]}, "keep_alive": "5m", "think": False}
    told = client.messages.create(model=CHAT, messages=ASKED, max_tokens=24, extra_body=more)
    assert "is" not in text_of(told)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, name: client.messages.create(**GREEDY | {"model": name}),
        lambda client, name: client.messages.create(**GREEDY | {"model": name}, stream=True),
        lambda client, name: client.messages.count_tokens(model=name, messages=ASKED),
    ],
    ids=["message", "stream", "count"],
)
def test_unknown_model(client: Anthropic, ask: Any) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nobody-has-this") as caught:
        ask(client, "nobody-has-this")
    assert caught.value.type == "not_found_error"


@pytest.mark.parametrize(
    "more",
    [
        {"messages": []},
        {"messages": [{"content": "a"}]},
        {"extra_body": {"temperature": "warm"}},
        {"extra_body": {"temperature": -1}},
        {"max_tokens": 0},
        {"messages": [{"role": "user", "content": TOO_LONG}]},
        {"messages": [{"role": "user", "content": TOO_LONG}], "stream": True},
        {"model": EMBEDDER},
        {"tools": [{"name": "add"}]},
        {"thinking": {"type": "perhaps"}},
    ],
    ids=[
        "no messages",
        "no role",
        "type",
        "bound",
        "no tokens",
        "long",
        "long stream",
        "embedder",
        "tool without schema",
        "thinking",
    ],
)
def test_what_cannot_be_done(client: Anthropic, more: dict[str, Any]) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(**GREEDY | more)
    assert caught.value.type == "invalid_request_error"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert caught.value.api_message
    assert "\n" not in caught.value.api_message
