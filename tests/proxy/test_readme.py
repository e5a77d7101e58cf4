"""The README's examples, as they stand there, against the proxy."""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest

from builder.paths import ROOT, TARGETS
from builder.targets import load_catalog
from tests.proxy.conftest import Stack

SECTION = "Talk to it"
ADDRESS = "http://127.0.0.1:11434"
WHAT_CURL_CALLS_DATA = "application/x-www-form-urlencoded"


def examples(start: str) -> list[str]:
    """The section's indented blocks that begin with this word."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(rf"^## {SECTION}\n(.*?)^## ", text, re.M | re.S)
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^ {4}.*\n)+", section, re.M)]
    return [block for block in blocks if block.startswith(f"{start} ")]


def with_curl(arguments: list[str]) -> str:
    command = ["curl", "--no-progress-meter", "--fail-with-body", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def as_curl_does(arguments: list[str]) -> str:
    """For machines without curl: the request that it would send."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data", required=True)
    asked = parser.parse_args(arguments)
    headers = {"content-type": WHAT_CURL_CALLS_DATA}
    headers |= {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in asked.headers)
    }
    answer = httpx.post(asked.url, content=asked.data, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


SENDERS = [as_curl_does, *([with_curl] if shutil.which("curl") else [])]


def streamed_chat(told: str, asked: dict[str, Any]) -> None:
    *parts, last = [json.loads(line) for line in told.splitlines()]
    said = "".join(part["message"]["content"] for part in parts)
    assert said.strip() == asked["messages"][-1]["content"]
    assert [part["done"] for part in [*parts, last]] == [False] * len(parts) + [True]
    assert len(parts) > 1


def whole_completion(told: str, asked: dict[str, Any]) -> None:
    [choice] = json.loads(told)["choices"]
    assert choice["message"]["content"] == asked["messages"][-1]["content"]


def a_vector_for_each_text(told: str, asked: dict[str, Any]) -> None:
    vectors = json.loads(told)["embeddings"]
    assert len(vectors) == len(asked["input"]) == 2
    assert vectors[0] != vectors[1]


ANSWERS: dict[str, Callable[[str, dict[str, Any]], None]] = {
    "/api/chat": streamed_chat,
    "/v1/chat/completions": whole_completion,
    "/api/embed": a_vector_for_each_text,
}


def asked_for(command: list[str]) -> tuple[str, dict[str, Any]]:
    [address] = [word for word in command if word.startswith(ADDRESS)]
    body: dict[str, Any] = json.loads(command[command.index("-d") + 1])
    return address.removeprefix(ADDRESS), body


def path_of(example: str) -> str:
    return asked_for(shlex.split(example))[0]


def test_every_example_is_looked_at() -> None:
    assert [path_of(example) for example in examples("curl")] == list(ANSWERS)
    assert (len(examples("ollama")), len(examples("import"))) == (1, 1)


def test_the_examples_name_the_models_that_the_stack_comes_with() -> None:
    models = load_catalog(TARGETS).models
    named = {asked_for(shlex.split(example))[1]["model"] for example in examples("curl")}
    assert named == {models.chat.name, models.embedding.name}


@pytest.mark.parametrize("send", SENDERS)
@pytest.mark.parametrize("example", examples("curl"), ids=path_of)
def test_curl(stack: Stack, example: str, send: Callable[[list[str]], str]) -> None:
    command = shlex.split(example)
    path, asked = asked_for(command)
    told = send([word.replace(ADDRESS, stack.proxy.url) for word in command[1:]])
    ANSWERS[path](told, asked)


def test_python(stack: Stack) -> None:
    [example] = examples("import")
    environ = {**os.environ, "OLLAMA_HOST": stack.proxy.url}
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=False, env=environ, timeout=30
    )
    assert (done.stdout.strip(), done.returncode) == ("Hello", 0), done.stderr


def test_what_ollamas_command_line_asks_for(stack: Stack) -> None:
    """`ollama run` looks whether somebody is there, looks at the model, loads it, and then chats."""
    [example] = examples("ollama")
    program, verb, model = shlex.split(example, comments=True)
    assert (program, verb) == ("ollama", "run")
    assert stack.client.head("/").status_code == 200
    with ollama.Client(host=stack.proxy.url) as client:
        assert "completion" in (client.show(model).capabilities or [])
        assert client.generate(model, "").done_reason == "load"
        parts = client.chat(model, [{"role": "user", "content": "hello there"}], stream=True)
        assert "".join(part.message.content or "" for part in parts) == "hello there "


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "IMAGE.md",
        "docs/design.md",
        "proxy/design.md",
        "proxy/differences.md",
        "proxy/store/design.md",
        "pruner/design.md",
    ],
)
def test_links_lead_to_files_that_are_there(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
