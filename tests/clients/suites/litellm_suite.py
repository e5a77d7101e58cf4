"""LiteLLM's two providers for Ollama: `ollama_chat`, which chats, and `ollama`, which generates."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import litellm
import pytest

HOST = os.environ["OLLAMA_HOST"]
PROVIDERS = ("ollama_chat", "ollama")
SKY = "The sky is blue because air scatters blue light more than red light."
ASKED = [{"role": "user", "content": "Why is the sky blue?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
FRIEND = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}

both = pytest.mark.parametrize("provider", PROVIDERS)


def model_of(provider: str, variable: str = "CHAT_MODEL") -> str:
    return f"{provider}/{os.environ[variable]}"


def ask(provider: str, messages: list[dict[str, Any]] = ASKED, **more: Any) -> Any:
    chosen = {"model": model_of(provider)} | more
    return litellm.completion(messages=messages, api_base=HOST, **chosen)


@both
def test_chat(provider: str) -> None:
    told = ask(provider)
    assert told.choices[0].message.content == SKY
    assert told.choices[0].finish_reason == "stop"
    assert told.usage.prompt_tokens > 0
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens


@both
async def test_chat_asynchronously(provider: str) -> None:
    told = await litellm.acompletion(model=model_of(provider), messages=ASKED, api_base=HOST)
    assert told.choices[0].message.content == SKY


@both
def test_stream(provider: str) -> None:
    pieces = [piece.choices[0] for piece in ask(provider, stream=True)]
    assert "".join(piece.delta.content or "" for piece in pieces) == SKY
    assert sum(bool(piece.delta.content) for piece in pieces) > 10
    assert pieces[-1].finish_reason == "stop"


@both
async def test_stream_asynchronously(provider: str) -> None:
    stream = await litellm.acompletion(model=model_of(provider), messages=ASKED, api_base=HOST, stream=True)
    assert "".join([piece.choices[0].delta.content or "" async for piece in stream]) == SKY


def test_usage_of_a_stream() -> None:
    *_, last = ask("ollama_chat", stream=True, stream_options={"include_usage": True})
    assert last.usage.completion_tokens > 10


@both
def test_max_tokens(provider: str) -> None:
    told = ask(provider, max_tokens=3)
    assert told.choices[0].message.content == "The sky is"
    assert told.usage.completion_tokens == 3


def test_length_is_told() -> None:
    assert ask("ollama_chat", max_tokens=3).choices[0].finish_reason == "length"


@both
def test_stop(provider: str) -> None:
    assert (
        ask(provider, stop=["because"], temperature=0).choices[0].message.content.strip() == "The sky is blue"
    )


@both
def test_json(provider: str) -> None:
    told = ask(
        provider,
        [{"role": "user", "content": "Answer as JSON with the key 'color'."}],
        response_format={"type": "json_object"},
    )
    assert json.loads(told.choices[0].message.content) == {"color": "a color"}


@both
def test_schema(provider: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "friend", "schema": FRIEND}}
    told = ask(provider, [{"role": "user", "content": "A friend of yours."}], response_format=form)
    assert json.loads(told.choices[0].message.content) == {"name": "a name", "age": 1}


def test_tools_and_their_results() -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    told = ask("ollama_chat", messages, tools=[WEATHER]).choices[0]
    assert told.finish_reason == "tool_calls"
    [call] = told.message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"location": "Paris"}
    messages += [told.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny in Paris"}]
    told = ask("ollama_chat", messages, tools=[WEATHER]).choices[0]
    assert told.message.content == "The tools say: sunny in Paris."
    assert told.finish_reason == "stop"


def test_two_tools_at_once_in_a_stream() -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris? What is the weather in Rome?"}]
    pieces = list(ask("ollama_chat", messages, tools=[WEATHER], stream=True))
    calls = [call for piece in pieces for call in piece.choices[0].delta.tool_calls or ()]
    assert [json.loads(call.function.arguments) for call in calls] == [
        {"location": "Paris"},
        {"location": "Rome"},
    ]
    assert pieces[-1].choices[0].finish_reason == "tool_calls"


@both
def test_thinking(provider: str) -> None:
    model = model_of(provider, "THINKING_MODEL")
    message = ask(provider, model=model, reasoning_effort="low").choices[0].message
    assert message.content == SKY
    assert "Why is the sky blue?" in message.reasoning_content


def test_thinking_in_a_stream() -> None:
    model = model_of("ollama_chat", "THINKING_MODEL")
    pieces = [piece.choices[0].delta for piece in ask("ollama_chat", model=model, stream=True)]
    thought = "".join(getattr(piece, "reasoning_content", None) or "" for piece in pieces)
    assert thought.startswith("The user says: Why is the sky blue?")
    assert "".join(piece.content or "" for piece in pieces) == SKY


@both
def test_picture(provider: str) -> None:
    data = base64.b64encode(Path(os.environ["PICTURE"]).read_bytes()).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    content = [{"type": "text", "text": "What is this?"}, picture]
    told = ask(provider, [{"role": "user", "content": content}])
    assert told.choices[0].message.content == "I see 1 picture(s): image/png."


def test_embedding() -> None:
    told = litellm.embedding(model=model_of("ollama", "EMBEDDING_MODEL"), input=["one", "two"], api_base=HOST)
    first, second = [entry["embedding"] for entry in told.data]
    assert len(first) == len(second) > 1
    assert first != second
    # Two words, and the two marks that stand around each text.
    assert told.usage.prompt_tokens == 6


async def test_embedding_asynchronously() -> None:
    model = model_of("ollama", "EMBEDDING_MODEL")
    told = await litellm.aembedding(model=model, input=["one"], api_base=HOST, dimensions=4)
    assert len(told.data[0]["embedding"]) == 4


@both
def test_model_info(provider: str) -> None:
    info = litellm.get_model_info(model_of(provider), api_base=HOST)
    assert info["max_tokens"] == info["max_input_tokens"] == 4096


def test_models() -> None:
    models = litellm.get_valid_models(
        check_provider_endpoint=True, custom_llm_provider="ollama", litellm_params=_params()
    )
    assert f"ollama/{os.environ['CHAT_MODEL']}:latest" in models


def _params() -> Any:
    from litellm.types.router import LiteLLM_Params

    return LiteLLM_Params(model="ollama/any", api_base=HOST)


@both
def test_unknown_model(provider: str) -> None:
    with pytest.raises(
        (litellm.exceptions.APIConnectionError, litellm.exceptions.NotFoundError), match="not found"
    ):
        ask(provider, model=f"{provider}/nobody-has-this")
