"""Chats and generations as tests ask for them, and what the engine was asked then."""

import json
from typing import Any

import httpx

from tests.proxy.conftest import Stack

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
MODEL = "smollm2:135m"
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
