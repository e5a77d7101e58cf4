"""vLLM served from its image as an unknown user on a read-only root, and what becomes of it broken."""

import json
import math
import re
from typing import Any

import httpx
import pytest

from tests.images.conftest import ANY_USER, Serve, Served, exit_code, inside, log_of, stop_seconds, wait_until

pytestmark = pytest.mark.engine

PORT = 8000
MODEL = "/models/smollm2-135m"
NAME = "smollm2:135m"
SHARED_MEMORY = "256m"
EXIT_REFUSED = 78
ARGUMENTS = (
    MODEL,
    f"--served-model-name={NAME}",
    "--max-model-len=2048",
    "--enable-auto-tool-choice",
    "--tool-call-parser=hermes",
)
KILL_ENGINE_CORE = """
import os, pathlib, signal
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if b"EngineCore" in (folder / "cmdline").read_bytes():
        os.kill(int(folder.name), signal.SIGKILL)
"""
LIBRARIES_OF_THE_WORKER = """
import pathlib
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if b"Worker" in (folder / "cmdline").read_bytes():
        print((folder / "maps").read_text())
"""


@pytest.fixture(scope="module")
def vllm(serve: Serve) -> Served:
    return serve("vllm", *ARGUMENTS, port=PORT, shm_size=SHARED_MEMORY, user=ANY_USER)


def chat(vllm: Served, text: str, **options: object) -> Any:  # noqa: ANN401 - the answer's JSON
    body = {"model": NAME, "messages": [{"role": "user", "content": text}], "temperature": 0, **options}
    return vllm.post("/v1/chat/completions", body)


def test_answers_a_question(vllm: Served) -> None:
    answer = chat(vllm, "What is the capital of France?", max_tokens=20)
    assert "Paris" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0


def test_a_request_with_logprobs_does_not_kill_it(vllm: Served) -> None:
    """Without a compiler this once ended the engine, with exit code 0."""
    answer = chat(vllm, "Hi", max_tokens=4, logprobs=True, top_logprobs=5)
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 4
    assert all(len(token["top_logprobs"]) == 5 and token["logprob"] <= 0 for token in tokens)
    completion = vllm.post(
        "/v1/completions", {"model": NAME, "prompt": "One", "max_tokens": 2, "logprobs": 3}
    )
    assert math.isfinite(completion["choices"][0]["logprobs"]["token_logprobs"][0])
    assert vllm.get("/health").status_code == 200


def test_keeps_to_a_schema(vllm: Served) -> None:
    properties = {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}}
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    answer = chat(vllm, "Invent a person.", max_tokens=60, response_format=form)
    person = json.loads(answer["choices"][0]["message"]["content"])
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


def test_calls_a_tool_when_it_must(vllm: Served) -> None:
    """The model's own template would leave the tools out of the prompt; ours lists them."""
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "weather", "strict": True, "parameters": parameters}}
    question = "What is the weather in Paris?"
    plain = chat(vllm, question, max_tokens=1)
    answer = chat(vllm, question, max_tokens=60, tools=[tool], tool_choice="required")
    assert answer["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"] + 50
    (call,) = answer["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}


def test_every_sampling_option_that_ollama_has_runs(vllm: Served) -> None:
    """Each takes another path through the sampler; none may want a compiler."""
    options = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "seed": 1, "stop": ["zzz"]}
    penalties = {"repetition_penalty": 1.1, "frequency_penalty": 0.5, "presence_penalty": 0.5}
    assert chat(vllm, "Hi", max_tokens=8, **options, **penalties)["usage"]["completion_tokens"] > 0


def test_streams(vllm: Served) -> None:
    body = {"model": NAME, "prompt": "One two", "max_tokens": 4, "stream": True, "ignore_eos": True}
    with httpx.stream("POST", f"{vllm.url}/v1/completions", json=body, timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    assert len(lines) == 5
    assert lines[-1] == "data: [DONE]"


def test_goes_by_the_model_s_name(vllm: Served) -> None:
    assert [model["id"] for model in vllm.get("/v1/models").json()["data"]] == [NAME]


def test_the_worker_has_its_allocator_and_openmp(vllm: Served) -> None:
    loaded = inside(vllm.container, "python3", "-c", LIBRARIES_OF_THE_WORKER, user="0", privileged=True)
    assert "libtcmalloc_minimal.so" in loaded
    assert "libiomp5.so" in loaded


def test_the_worker_computes_on_every_processor(vllm: Served) -> None:
    bound = re.search(r"core ids=\[([\d, ]+)\]", log_of(vllm.container))
    assert bound is not None
    assert len(bound[1].split(",")) == int(inside(vllm.container, "nproc"))


def test_is_called_vllm_by_its_own_command(vllm: Served) -> None:
    assert inside(vllm.container, "vllm", "--version").split()[-1] == "0.32.0+cpu"


def test_writes_no_usage_statistics(vllm: Served) -> None:
    assert inside(vllm.container, "find", "/tmp", "-name", "*usage*") == ""  # noqa: S108


def test_runs_nobody_s_code(vllm: Served) -> None:
    assert "trust_remote_code=False" in log_of(vllm.container)


def test_stops_within_five_seconds(vllm: Served) -> None:
    """The last thing asked of a server that served: from here on it is broken."""
    assert stop_seconds(vllm.container) < 5
    assert exit_code(vllm.container) == 0


def test_a_killed_engine_ends_the_container_with_a_failure(vllm: Served) -> None:
    """Only then does a restart policy start it again."""
    vllm.container.start()
    wait_until(vllm.container, "healthy")
    vllm.container.exec_run(["python3", "-c", KILL_ENGINE_CORE])
    assert exit_code(vllm.container) != 0
    assert "ended by itself" in log_of(vllm.container)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (ARGUMENTS, {}, "--shm-size 256m"),
        (("/models/nothing",), {"shm_size": SHARED_MEMORY}, "/models/nothing does not exist"),
        ((), {"shm_size": SHARED_MEMORY}, "no model given"),
        (("org/name",), {"shm_size": SHARED_MEMORY}, "HF_HUB_OFFLINE=0"),
        (ARGUMENTS, {"shm_size": SHARED_MEMORY, "mem_limit": "1g"}, "do not fit into the 1.0 GiB"),
        (
            ARGUMENTS,
            {"shm_size": SHARED_MEMORY, "environment": {"VLLM_CPU_KVCACHE_SPACE": "half"}},
            "VLLM_CPU_KVCACHE_SPACE='half'",
        ),
    ],
)
def test_a_start_that_cannot_work_is_refused_in_one_line(
    serve: Serve, arguments: tuple[str, ...], options: dict[str, object], said: str
) -> None:
    refused = serve("vllm", *arguments, port=PORT, ready=False, **options)
    assert exit_code(refused.container) == EXIT_REFUSED
    log = log_of(refused.container)
    assert log.startswith("error: ")
    assert said in log
    assert log.count("\n") == 1
