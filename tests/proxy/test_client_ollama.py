"""Ollama's own Python client, unmodified, against the proxy."""

from collections.abc import Iterator

import pytest
from ollama import AsyncClient, Client, ResponseError

from tests.fakes.fake_engine import delta, error, streamed, usage
from tests.proxy.conftest import Stack

MODEL = "smollm2:135m"
HELLO = [{"role": "user", "content": "hello there"}]


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(host=stack.proxy.url) as client:
        yield client


def test_list(client: Client) -> None:
    models = client.list().models
    assert [model.model for model in models] == [MODEL, "all-minilm:l6-v2"]
    assert models[0].details is not None
    assert models[0].details.family == "llama"
    assert models[0].modified_at is not None


def test_show(client: Client) -> None:
    shown = client.show(MODEL)
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 2048
    assert shown.capabilities == ["completion"]
    with pytest.raises(ResponseError, match="model 'foo:latest' not found") as caught:
        client.show("foo")
    assert caught.value.status_code == 404


def test_ps(client: Client) -> None:
    loaded = client.ps().models
    assert [model.model for model in loaded] == [MODEL, "all-minilm:l6-v2"]
    assert loaded[0].expires_at is not None


def test_chat(client: Client) -> None:
    told = client.chat(MODEL, HELLO, options={"temperature": 0, "num_predict": 5}, keep_alive=-1)
    assert told.message.content == "hello there "
    assert told.done_reason == "stop"
    assert told.eval_count == 3
    assert told.total_duration


def test_chat_streams(client: Client) -> None:
    parts = list(client.chat(MODEL, HELLO, stream=True))
    assert [part.message.content for part in parts] == ["hello ", "there ", ""]
    assert [part.done for part in parts] == [False, False, True]


async def test_chat_streams_to_the_asynchronous_client(stack: Stack) -> None:
    async with AsyncClient(host=stack.proxy.url) as client:
        parts = [part async for part in await client.chat(MODEL, HELLO, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == "hello there "


def test_chat_with_tools_there_and_back(client: Client, stack: Stack) -> None:
    def weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: where
        """
        return f"sun in {city}"

    call = {"index": 0, "id": "x", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    stack.engine.plan(streamed([delta(tool_calls=[call]), delta("tool_calls"), usage(1, 1)]))
    told = client.chat(MODEL, HELLO, tools=[weather])
    assert told.message.tool_calls is not None
    (made,) = told.message.tool_calls
    assert (made.function.name, made.function.arguments) == ("weather", {"city": "Rome"})
    result = {"role": "tool", "content": weather(**made.function.arguments), "tool_name": made.function.name}
    client.chat(MODEL, [*HELLO, told.message, result])
    _, assistant, answer = stack.engine.wait_for("/v1/chat/completions").json()["messages"]
    assert assistant["tool_calls"][0]["id"] == answer["tool_call_id"]
    assert answer["content"] == "sun in Rome"


def test_generate(client: Client) -> None:
    assert client.generate(MODEL, "hello").response == "hello "
    parts = client.generate(MODEL, "a b c", stream=True)
    assert [part.response for part in parts] == ["a ", "b ", "c ", ""]
    assert client.generate(MODEL, "raw text", raw=True).response == "raw text"


def test_load_and_unload(client: Client) -> None:
    assert client.generate(MODEL, "").done_reason == "load"
    assert client.generate(MODEL, "", keep_alive=0).done_reason == "unload"
    assert client.chat(MODEL, [], keep_alive="10m").done_reason == "load"


def test_embed(client: Client) -> None:
    told = client.embed("all-minilm:l6-v2", ["a", "b"], dimensions=4)
    assert [len(vector) for vector in told.embeddings] == [4, 4]
    assert len(client.embeddings("all-minilm:l6-v2", "a").embedding) == 8


def test_errors(client: Client, stack: Stack) -> None:
    with pytest.raises(ResponseError, match="model 'foo' not found"):
        client.chat("foo", HELLO)
    stack.engine.plan(streamed([delta(content="a"), error("it broke", 500)]))
    parts = client.chat(MODEL, HELLO, stream=True)
    assert next(parts).message.content == "a"
    with pytest.raises(ResponseError, match="it broke"):
        next(parts)
