"""LlamaIndex with its integrations of Ollama, for chats and for embeddings."""

import base64
import math
import os
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.ollama import OllamaEmbedding
from llama_index.llms.ollama import Ollama
from ollama import ResponseError
from pydantic import BaseModel

HOST = os.environ["OLLAMA_HOST"]
SKY = "The sky is blue because air scatters blue light more than red light."
ASKED = [ChatMessage(role="user", content="Why is the sky blue?")]
FRIEND = PromptTemplate("A friend from {town}.")


class Friend(BaseModel):
    name: str
    age: int


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


WEATHER = FunctionTool.from_defaults(get_weather)


def model(variable: str = "CHAT_MODEL", **more: Any) -> Ollama:
    return Ollama(model=os.environ[variable], base_url=HOST, **more)


@pytest.fixture
def llm() -> Ollama:
    return model()


@pytest.fixture
def embedding() -> OllamaEmbedding:
    return OllamaEmbedding(model_name=os.environ["EMBEDDING_MODEL"], base_url=HOST)


def test_context_window(llm: Ollama) -> None:
    assert llm.metadata.context_window == 4096


def test_chat(llm: Ollama) -> None:
    told = llm.chat(ASKED)
    assert told.message.content == SKY
    usage = told.raw["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


async def test_chat_asynchronously(llm: Ollama) -> None:
    assert (await llm.achat(ASKED)).message.content == SKY


def test_stream(llm: Ollama) -> None:
    parts = list(llm.stream_chat(ASKED))
    assert "".join(part.delta or "" for part in parts) == parts[-1].message.content == SKY
    assert len(parts) > 10


async def test_stream_asynchronously(llm: Ollama) -> None:
    parts = [part async for part in await llm.astream_chat(ASKED)]
    assert parts[-1].message.content == SKY


def test_complete(llm: Ollama) -> None:
    assert llm.complete("Why is the sky blue?").text == SKY


async def test_complete_in_a_stream(llm: Ollama) -> None:
    *_, last = llm.stream_complete("Why is the sky blue?")
    assert last.text == SKY
    *_, last = [part async for part in await llm.astream_complete("Why is the sky blue?")]
    assert last.text == SKY


def test_history(llm: Ollama) -> None:
    messages = [
        ChatMessage(role="system", content="Be brief."),
        *ASKED,
        ChatMessage(role="assistant", content=SKY),
        ChatMessage(role="user", content="What is 2 + 3?"),
    ]
    assert llm.chat(messages).message.content == "2 + 3 is 5."


def test_options() -> None:
    llm = model(temperature=0.0, keep_alive="5m", additional_kwargs={"num_predict": 3, "mirostat": 0})
    assert llm.chat(ASKED).message.content == "The sky is"


def test_thinking() -> None:
    message = model("THINKING_MODEL", thinking=True).chat(ASKED).message
    [thought] = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
    assert (thought.content or "").startswith("The user says: Why is the sky blue?")
    assert message.content == SKY


def test_thinking_in_a_stream() -> None:
    parts = list(model("THINKING_MODEL", thinking=True).stream_chat(ASKED))
    thought = "".join(part.additional_kwargs.get("thinking_delta") or "" for part in parts)
    assert thought.startswith("The user says: Why is the sky blue?")


def test_tools(llm: Ollama) -> None:
    told = llm.chat_with_tools([WEATHER], "What is the weather in Paris?")
    [call] = llm.get_tool_calls_from_response(told)
    assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Paris"})


def test_two_tools_at_once(llm: Ollama) -> None:
    question = "What is the weather in Paris? What is the weather in Rome?"
    told = llm.chat_with_tools([WEATHER], question, allow_parallel_tool_calls=True)
    calls = llm.get_tool_calls_from_response(told)
    assert [call.tool_kwargs for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]


def test_tools_in_a_stream(llm: Ollama) -> None:
    *_, last = llm.stream_chat_with_tools([WEATHER], "What is the weather in Paris?")
    [call] = llm.get_tool_calls_from_response(last)
    assert call.tool_kwargs == {"city": "Paris"}


def test_call_and_result(llm: Ollama) -> None:
    assert "sunny in Paris" in llm.predict_and_call([WEATHER], "What is the weather in Paris?").response


async def test_agent(llm: Ollama) -> None:
    agent = FunctionAgent(tools=[WEATHER], llm=llm, system_prompt="You know the weather.")
    told = await agent.run("What is the weather in Paris?")
    assert str(told) == "The tools say: sunny in Paris."


async def test_structured(llm: Ollama) -> None:
    assert llm.structured_predict(Friend, FRIEND, town="Rome") == Friend(name="a name", age=1)
    assert await llm.astructured_predict(Friend, FRIEND, town="Rome") == Friend(name="a name", age=1)


def test_structured_in_a_stream(llm: Ollama) -> None:
    *_, last = llm.stream_structured_predict(Friend, FRIEND, town="Rome")
    assert (last.name, last.age) == ("a name", 1)


def test_structured_as_a_model_of_its_own(llm: Ollama) -> None:
    assert llm.as_structured_llm(Friend).chat(ASKED).raw == Friend(name="a name", age=1)


def test_json() -> None:
    told = model(json_mode=True).complete("Answer with the key 'color'.")
    assert told.text == '{"color": "a color"}'


def test_picture(llm: Ollama) -> None:
    data = base64.b64encode(Path(os.environ["PICTURE"]).read_bytes())
    blocks = [TextBlock(text="What is this?"), ImageBlock(image=data)]
    told = llm.chat([ChatMessage(role="user", blocks=blocks)])
    assert told.message.content == "I see 1 picture(s): image/png."


def test_unknown_model() -> None:
    with pytest.raises(ResponseError, match="not found"):
        Ollama(model="nobody-has-this", base_url=HOST).chat(ASKED)


def test_embedding_of_a_query(embedding: OllamaEmbedding) -> None:
    vector = embedding.get_query_embedding("one")
    assert math.isclose(math.hypot(*vector), 1, rel_tol=1e-5)


def test_embedding_of_texts(embedding: OllamaEmbedding) -> None:
    vectors = embedding.get_text_embedding_batch([f"text {number}" for number in range(25)])
    assert len(vectors) == 25
    assert vectors[3] == embedding.get_text_embedding("text 3") != vectors[4]


async def test_embedding_asynchronously(embedding: OllamaEmbedding) -> None:
    first, second = await embedding.aget_text_embedding_batch(["one", "two"])
    assert first == await embedding.aget_query_embedding("one") != second
