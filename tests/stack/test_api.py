"""Every route with an engine behind it, on the real engines. Fakes show shapes; this shows the truth."""

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.stack.conftest import Stack

pytestmark = pytest.mark.stack

Json = dict[str, Any]

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 24}
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=120) as client:
        yield client


def done(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    value: Json = answer.json()
    return value


def whole(client: httpx.Client, path: str, **body: object) -> Json:
    return done(client.post(path, json={"stream": False, "options": GREEDY} | body))


def test_a_generation_goes_on_from_its_context(client: httpx.Client, chat_model: str) -> None:
    first = whole(client, "/api/generate", model=chat_model, prompt="What is the capital of France?")
    assert len(first["context"]) == first["prompt_eval_count"] + first["eval_count"]
    more = {"model": chat_model, "prompt": "And what country is that the capital of?"}
    second = whole(client, "/api/generate", **more, context=first["context"])
    assert second["prompt_eval_count"] > len(first["context"])
    assert "France" in second["response"]
    assert "France" not in whole(client, "/api/generate", **more)["response"]
    assert second["context"][: len(first["context"])] == first["context"]


def test_a_raw_prompt_is_what_the_model_sees(client: httpx.Client, chat_model: str) -> None:
    answer = whole(client, "/api/generate", model=chat_model, prompt="11 11 11 11 11", raw=True)
    assert "11" in answer["response"]
    assert "context" not in answer
    tokens = done(client.post("/api/tokenize", json={"model": chat_model, "content": "11 11 11 11 11"}))
    assert answer["prompt_eval_count"] == len(tokens["tokens"])


def test_a_template_is_honoured(client: httpx.Client, chat_model: str) -> None:
    template = "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n"
    asked = {"model": chat_model, "prompt": "What is the capital of France?", "template": template}
    assert "Paris" in whole(client, "/api/generate", **asked)["response"]
    shown = whole(client, "/api/generate", **asked, _debug_render_only=True)["_debug_info"]
    assert shown["rendered_template"] == template.replace("{{ .Prompt }}", asked["prompt"])


def test_the_rendered_prompt_is_the_models_own(client: httpx.Client, chat_model: str) -> None:
    shown = whole(client, "/api/chat", model=chat_model, messages=QUESTION, _debug_render_only=True)
    assert "What is the capital of France?<|im_end|>" in shown["_debug_info"]["rendered_template"]


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"suffix": "b"}, "does not support insert"),
        ({"images": [base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()]}, "does not support images"),
        ({"format": "xml"}, "invalid format"),
        ({"options": {"num_ctx": "many"}}, 'option "num_ctx" must be of type integer'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_model_cannot_do_is_refused(
    client: httpx.Client, chat_model: str, more: Json, refusal: str
) -> None:
    answer = client.post("/api/generate", json={"model": chat_model, "prompt": "a"} | more)
    assert answer.status_code == 400
    assert refusal in answer.json()["error"]


def test_a_long_history_loses_its_oldest_messages_and_says_so(client: httpx.Client, chat_model: str) -> None:
    long = [
        message
        for number in range(60)
        for message in (
            {"role": "user", "content": f"Fact {number}: " + "some words that fill the window " * 20},
            {"role": "assistant", "content": "Noted."},
        )
    ]
    asked = {"model": chat_model, "messages": [*long, *QUESTION], "stream": False, "options": GREEDY}
    answer = client.post("/api/chat", json=asked)
    assert done(answer)["truncated"] is True
    assert int(answer.headers["x-truncated-messages"]) > 10
    assert 1000 < answer.json()["prompt_eval_count"] <= 4096
    refused = client.post("/api/chat", json=asked | {"truncate": False})
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "the input length exceeds the context length",
    )


def test_a_smaller_window_is_kept(client: httpx.Client, chat_model: str) -> None:
    history = [{"role": "user", "content": "word " * 100}] * 8
    options = GREEDY | {"num_ctx": 512}
    answer = whole(client, "/api/chat", model=chat_model, messages=[*history, *QUESTION], options=options)
    assert answer["prompt_eval_count"] <= 512
    assert answer["truncated"] is True


def test_a_tool_can_be_demanded(client: httpx.Client, chat_model: str) -> None:
    messages = [{"role": "user", "content": "Add 3 and 4."}]
    options = {"temperature": 0, "num_predict": 128}
    asked = {"model": chat_model, "messages": messages, "tools": [ADD], "options": options}
    answer = client.post("/api/chat", json=asked | {"tool_choice": "required"})
    records = [json.loads(line) for line in answer.text.splitlines()]
    [calls] = [record["message"]["tool_calls"] for record in records if "tool_calls" in record["message"]]
    assert calls[0]["function"]["name"] == "add"
    # What so small a model puts into it is its own affair.
    assert isinstance(calls[0]["function"]["arguments"], dict)
    assert records[-1]["done_reason"] == "stop"
    # Its fragments come late, and the time that they took counts all the same.
    assert records[-1]["eval_duration"] > 1_000_000
    answered = [
        *messages,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "add", "content": "7"},
    ]
    assert whole(client, "/api/chat", model=chat_model, messages=answered, tools=[ADD])["done"]


@pytest.mark.parametrize(
    ("constraint", "pattern"),
    [
        ({"regex": "[0-9]{3}"}, "[0-9]{3}"),
        ({"choice": ["wet", "dry"]}, "wet|dry"),
        ({"grammar": 'root ::= "left" | "right"'}, "left|right"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_answer_keeps_to_its_shape(
    client: httpx.Client, chat_model: str, constraint: Json, pattern: str
) -> None:
    answer = whole(client, "/api/chat", model=chat_model, messages=QUESTION, structured_outputs=constraint)
    assert re.fullmatch(pattern, answer["message"]["content"])


def test_json_is_json(client: httpx.Client, chat_model: str) -> None:
    options = {"temperature": 0, "num_predict": 200}
    messages = [{"role": "user", "content": "Give a person's name and age as JSON."}]
    answer = whole(client, "/api/chat", model=chat_model, messages=messages, format="json", options=options)
    content = answer["message"]["content"]
    assert content.lstrip().startswith("{")
    assert answer["done_reason"] == "length" or isinstance(json.loads(content), dict)


def test_logprobs_belong_to_the_text(client: httpx.Client, chat_model: str) -> None:
    asked = {"model": chat_model, "prompt": "Count to five.", "logprobs": True, "top_logprobs": 2}
    for raw in (False, True):
        answer = whole(client, "/api/generate", **asked, raw=raw)
        assert "".join(entry["token"] for entry in answer["logprobs"]) == answer["response"]
        assert all(len(entry["top_logprobs"]) == 2 for entry in answer["logprobs"])


def test_nothing_to_write_still_reads_the_prompt(client: httpx.Client, chat_model: str) -> None:
    answer = whole(client, "/api/chat", model=chat_model, messages=QUESTION, options={"num_predict": 0})
    assert answer["message"]["content"] == ""
    assert answer["done_reason"] == "length"
    assert answer["prompt_eval_count"] > 10
    assert "eval_count" not in answer


def test_loading_and_unloading_are_answered(client: httpx.Client, chat_model: str) -> None:
    assert whole(client, "/api/generate", model=chat_model)["done_reason"] == "load"
    assert whole(client, "/api/chat", model=chat_model, messages=[])["done_reason"] == "load"


def test_tokens_go_there_and_back(client: httpx.Client, chat_model: str) -> None:
    text = "Grüße, 世界"
    tokens = done(client.post("/api/tokenize", json={"model": chat_model, "content": text}))["tokens"]
    assert len(tokens) > 3
    back = done(client.post("/api/detokenize", json={"model": chat_model, "tokens": tokens}))
    assert back["content"] == text


def test_vectors_are_cut_and_have_length_one(client: httpx.Client, embedding_model: str) -> None:
    answer = whole(client, "/api/embed", model=embedding_model, input=["a cat", "a dog"], dimensions=64)
    assert [len(vector) for vector in answer["embeddings"]] == [64, 64]
    assert sum(value * value for value in answer["embeddings"][0]) == pytest.approx(1, rel=1e-4)
    assert 4 <= answer["prompt_eval_count"] <= 8
    older = done(client.post("/api/embeddings", json={"model": embedding_model, "prompt": "a cat"}))
    assert list(older) == ["embedding"]
    assert len(older["embedding"]) == 384


def test_many_texts_keep_their_order(client: httpx.Client, embedding_model: str) -> None:
    texts = [f"number {number}" for number in range(300)]
    many = whole(client, "/api/embed", model=embedding_model, input=texts)["embeddings"]
    [last] = whole(client, "/api/embed", model=embedding_model, input=texts[-1])["embeddings"]
    assert sum(a * b for a, b in zip(many[-1], last, strict=True)) > 0.999


def test_openais_embeddings_come_as_numbers_and_as_base64(client: httpx.Client, embedding_model: str) -> None:
    asked = {"model": embedding_model, "input": "a cat", "dimensions": 32}
    numbers = done(client.post("/v1/embeddings", json=asked))["data"][0]["embedding"]
    packed = done(client.post("/v1/embeddings", json=asked | {"encoding_format": "base64"}))
    unpacked = struct.unpack("<32f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(unpacked) == pytest.approx(numbers, rel=1e-5)
    assert packed["usage"]["prompt_tokens"] >= 2


def test_a_model_that_only_embeds_says_that_it_cannot_rerank(
    client: httpx.Client, embedding_model: str
) -> None:
    asked = {"model": embedding_model, "query": "cats", "documents": ["a cat", "a dog"]}
    for path in ("/api/rerank", "/v1/rerank"):
        answer = client.post(path, json=asked)
        assert answer.status_code == 400
        assert "rerank" in answer.text


def test_openais_chat_takes_ollamas_extensions(client: httpx.Client, chat_model: str) -> None:
    asked = {"model": chat_model, "messages": QUESTION, "keep_alive": "5m"}
    answer = done(client.post("/v1/chat/completions", json=asked | {"options": GREEDY | {"num_predict": 3}}))
    assert answer["usage"]["completion_tokens"] <= 3
    events = client.post(
        "/v1/chat/completions", json=asked | {"max_tokens": 8, "stream": True, "temperature": 0}
    ).text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]


def test_openais_completions_and_responses(client: httpx.Client, chat_model: str) -> None:
    completion = done(
        client.post("/v1/completions", json={"model": chat_model, "prompt": "One two", "max_tokens": 4})
    )
    assert completion["choices"][0]["text"]
    response = done(
        client.post("/v1/responses", json={"model": chat_model, "input": "Hello", "max_output_tokens": 16})
    )
    assert response["output"][0]["content"][0]["text"]


def test_anthropics_messages_and_their_count(client: httpx.Client, chat_model: str) -> None:
    asked = {"model": chat_model, "messages": QUESTION}
    answer = done(client.post("/v1/messages", json=asked | {"max_tokens": 24}))
    assert answer["content"][0]["text"]
    counted = done(client.post("/v1/messages/count_tokens", json=asked))
    assert counted["input_tokens"] == answer["usage"]["input_tokens"]


def test_what_this_engine_has_not_is_said_in_one_line(client: httpx.Client, chat_model: str) -> None:
    question = {"type": "choice", "instructions": "Which?", "criteria": {"wet": None, "dry": None}}
    decided = client.post(
        "/v1/systemone", json={"model": chat_model, "state": "It rains.", "questions": {"weather": question}}
    )
    heard = client.post(
        "/v1/audio/transcriptions", data={"model": chat_model}, files={"file": ("a.wav", b"RIFF0000WAVE")}
    )
    for answer in (decided, heard):
        assert answer.status_code in (400, 404)
        assert answer.json()["error"]["message"]


def test_a_model_of_ones_own(client: httpx.Client, chat_model: str) -> None:
    created = client.post(
        "/api/create",
        json={"model": "pirate", "from": chat_model, "system": "You are Blackbeard.", "stream": False},
    )
    assert done(created) == {"status": "success"}
    try:
        shown = done(client.post("/api/show", json={"model": "pirate"}))
        assert shown["system"] == "You are Blackbeard."
        prompt = whole(client, "/api/chat", model="pirate", messages=QUESTION, _debug_render_only=True)
        assert "Blackbeard" in prompt["_debug_info"]["rendered_template"]
        assert whole(client, "/api/chat", model="pirate", messages=QUESTION)["message"]["content"]
        assert (
            client.post("/api/copy", json={"source": "pirate", "destination": "corsair"}).status_code == 200
        )
        assert "corsair:latest" in [model["name"] for model in done(client.get("/api/tags"))["models"]]
    finally:
        for name in ("pirate", "corsair"):
            client.request("DELETE", "/api/delete", json={"model": name})
    assert client.post("/api/show", json={"model": "pirate"}).status_code == 404


def test_a_blob_is_kept_and_a_pull_of_what_is_here_is_done(client: httpx.Client, chat_model: str) -> None:
    data = b"adapter"
    path = f"/api/blobs/sha256:{hashlib.sha256(data).hexdigest()}"
    assert client.post(path, content=data).status_code in (200, 201)
    assert client.head(path).status_code == 200
    records = [
        json.loads(line) for line in client.post("/api/pull", json={"model": chat_model}).text.splitlines()
    ]
    assert records[0] == {"status": "pulling manifest"}
    assert records[-1] == {"status": "success"}
    missing = client.post("/api/pull", json={"model": "org/nothing-of-this-name", "stream": False})
    assert missing.status_code == 503
    assert "--hub" in missing.json()["error"]
