"""The stack end to end: the real engines, the real clients, and what happens when a part of it dies."""

import math
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from builder.bundle import current
from builder.engine import Engine
from builder.paths import ROOT
from builder.stack.compose import STACK
from tests.stack.conftest import Stack, containers, driver

pytestmark = pytest.mark.stack

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 24}
KILL_ALL_BUT_THE_FIRST = """
import os, signal
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()):
        os.kill(int(name), signal.SIGKILL)
"""


def cosine(one: Any, other: Any) -> float:  # noqa: ANN401 - sequences of floats of two libraries
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return float(dot / math.sqrt(sum(a * a for a in one)) / math.sqrt(sum(b * b for b in other)))


def wait_for(condition: Any, seconds: float, what: str) -> None:  # noqa: ANN401 - any callable
    """Ask until it holds; the engine gives no event for what these tests wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)


def test_up_shows_an_answer_the_address_and_what_to_try(stack: Stack, chat_model: str) -> None:
    assert f"ask {chat_model}: What is the capital of France?" in stack.printed
    assert "Paris" in stack.printed
    assert re.search(r"\d+ tokens, \d+ per second", stack.printed)
    assert f"The stack is up at {stack.url}" in stack.printed
    assert stack.printed.count(f"curl {stack.url}") == 2


def test_the_client_lists_both_models_with_real_figures(
    stack: Stack, chat_model: str, embedding_model: str
) -> None:
    models = {model.model: model for model in stack.client.list().models}
    assert set(models) == {chat_model, embedding_model}
    for model in models.values():
        assert re.fullmatch(r"[0-9a-f]{64}", model.digest or "")
        assert (model.size or 0) > 10_000_000
        assert model.modified_at is not None
    details = models[chat_model].details
    assert details is not None
    assert details.parameter_size == "135M"


def test_the_client_chats(stack: Stack, chat_model: str) -> None:
    answer = stack.client.chat(chat_model, QUESTION, options=GREEDY)
    assert answer.message.content
    assert answer.done
    assert answer.done_reason in ("stop", "length")
    assert (answer.prompt_eval_count or 0) > 10
    assert 0 < (answer.eval_count or 0) <= 24
    for duration in (
        answer.total_duration,
        answer.load_duration,
        answer.prompt_eval_duration,
        answer.eval_duration,
    ):
        assert duration
        assert duration > 0


def test_the_client_streams_and_says_the_same(stack: Stack, chat_model: str) -> None:
    pieces = list(stack.client.chat(chat_model, QUESTION, options=GREEDY, stream=True))
    assert len(pieces) > 3
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert "".join(piece.message.content or "" for piece in pieces).strip()


def test_the_client_generates(stack: Stack, chat_model: str) -> None:
    answer = stack.client.generate(chat_model, "Count to five.", options=GREEDY)
    assert (answer.response or "").strip()
    assert answer.done


def test_the_client_embeds_in_order_and_by_meaning(stack: Stack, embedding_model: str) -> None:
    texts = ["A cat sits on the mat.", "The kitten rests on a rug.", "Interest rates rose sharply."]
    answer = stack.client.embed(embedding_model, texts)
    cat, kitten, rates = answer.embeddings
    assert cosine(cat, kitten) > 0.5
    assert cosine(cat, rates) < 0.3
    for vector in (cat, kitten, rates):
        assert len(vector) == 384
        assert math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-4)
    [alone] = stack.client.embed(embedding_model, texts[2]).embeddings
    assert cosine(alone, rates) > 0.999


def test_the_client_shows_and_lists_what_runs(stack: Stack, chat_model: str) -> None:
    shown = stack.client.show(chat_model)
    assert shown.modelinfo
    assert shown.modelinfo["general.architecture"] == "llama"
    assert "completion" in (shown.capabilities or [])
    assert chat_model in [model.model for model in stack.client.ps().models]


def test_an_unknown_model_is_an_error_as_ollama_has_it(stack: Stack) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nothing' not found") as caught:
        stack.client.chat("nothing", QUESTION)
    assert caught.value.status_code == 404


def test_a_schema_is_kept(stack: Stack, chat_model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    options = {"temperature": 0, "num_predict": 64}
    answer = stack.client.chat(chat_model, QUESTION, format=schema, options=options)
    assert re.fullmatch(r'\s*\{\s*"city"\s*:\s*".*"\s*\}\s*', answer.message.content or "")


def test_logprobs_do_not_kill_an_engine_without_a_compiler(stack: Stack, chat_model: str) -> None:
    request = {
        "model": chat_model,
        "messages": QUESTION,
        "max_tokens": 4,
        "logprobs": True,
        "top_logprobs": 2,
    }
    answer = httpx.post(f"{stack.url}/v1/chat/completions", json=request, timeout=120)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["logprobs"]["content"]
    assert stack.client.chat(chat_model, QUESTION, options=GREEDY).done


def test_an_openai_client_is_served_and_nothing_beyond_the_list(stack: Stack, chat_model: str) -> None:
    models = httpx.get(f"{stack.url}/v1/models", timeout=30).json()
    assert chat_model in [model["id"] for model in models["data"]]
    for path in ("/tokenize", "/metrics", "/v1/load_lora_adapter", "/sleep", "/invocations"):
        assert httpx.post(f"{stack.url}{path}", json={}, timeout=30).status_code in (404, 405), path


def test_many_at_once_get_each_their_own_answer(stack: Stack, chat_model: str) -> None:
    def echo(number: int) -> tuple[int, str]:
        prompt = f"{number} {number} {number} {number} {number} {number}"
        answer = stack.client.generate(
            chat_model, prompt, raw=True, options={"temperature": 0, "num_predict": 8}
        )
        return number, answer.response or ""

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(echo, range(11, 43)))
    assert all(str(number) in text for number, text in answers), answers


def test_only_the_proxy_is_reachable_and_only_from_here(stack: Stack, engine: Engine) -> None:
    published = {
        (service, binding["HostIp"], binding["HostPort"])
        for service, facts in containers(engine).items()
        for bindings in facts["NetworkSettings"]["Ports"].values()  # type: ignore[index]
        for binding in bindings or ()
    }
    assert published == {("proxy", "127.0.0.1", str(stack.port))}


@pytest.mark.usefixtures("stack")
def test_no_container_has_more_than_it_needs(engine: Engine) -> None:
    present = containers(engine)
    assert set(present) == {"proxy", "vllm", "embeddings"}
    for service, facts in present.items():
        host: Any = facts["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert not host["Privileged"], service
        mounts: Any = facts["Mounts"]
        writable = {("/library", True)} if service == "proxy" else set()
        assert {(mount["Destination"], mount["RW"]) for mount in mounts} == {("/models", False)} | writable
        config: Any = facts["Config"]
        assert config["User"].partition(":")[0] not in ("", "0", "root"), service


def test_status_shows_what_runs(stack: Stack) -> None:
    shown = driver("status").stdout
    assert re.search(r"^vllm +healthy +\d", shown, re.M)
    assert re.search(r"^embeddings +healthy +\d", shown, re.M)
    assert f"listens on {stack.url}" in shown


def test_a_second_up_changes_nothing_and_answers(stack: Stack, engine: Engine) -> None:
    before = {service: facts["Id"] for service, facts in containers(engine).items()}
    again = driver("up", "--target", "cpu", "--port", str(stack.port))
    assert "is up to date" in again.stdout
    assert "Paris" in again.stdout
    assert {service: facts["Id"] for service, facts in containers(engine).items()} == before


def test_an_engine_that_dies_comes_back_and_the_proxy_says_so_meanwhile(
    stack: Stack, engine: Engine, chat_model: str
) -> None:
    labels = [f"com.docker.compose.project={STACK}", "com.docker.compose.service=vllm"]
    [container] = engine.sdk.containers.list(filters={"label": labels})
    started = container.attrs["State"]["StartedAt"]
    container.exec_run(["/opt/venv/bin/python", "-c", KILL_ALL_BUT_THE_FIRST])

    def restarted() -> bool:
        container.reload()
        return bool(container.attrs["State"]["StartedAt"] != started and container.status == "running")

    wait_for(restarted, 60, "the engine to be started again")
    meanwhile = httpx.post(
        f"{stack.url}/api/chat", json={"model": chat_model, "messages": QUESTION, "stream": False}, timeout=60
    )
    assert meanwhile.status_code in (200, 503)
    assert meanwhile.status_code == 200 or isinstance(meanwhile.json()["error"], str)

    def healthy() -> bool:
        container.reload()
        return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

    wait_for(healthy, 180, "the engine to be healthy again")
    assert stack.client.chat(chat_model, QUESTION, options=GREEDY).done


def test_a_port_in_use_is_one_line_and_the_stack_goes_on(stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        refused = driver("up", "--target", "cpu", "--port", str(port), check=False)
    assert refused.returncode == 1
    assert f"error: port {port} on 127.0.0.1 is in use" in refused.stderr
    assert "--port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert httpx.get(stack.url, timeout=30).text == "Ollama is running"


def test_plain_compose_runs_the_last_build_and_down_leaves_nothing(
    stack: Stack, engine: Engine, chat_model: str, tmp_path: Path
) -> None:
    started = time.monotonic()
    driver("down")
    assert time.monotonic() - started < 10, "something had to be killed"
    assert containers(engine) == {}
    assert not engine.sdk.networks.list(filters={"label": f"com.docker.compose.project={STACK}"})
    assert driver("status", check=False).returncode == 3

    shutil.copy(ROOT / "compose.yaml", tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "current").symlink_to(current(STACK).resolve())
    compose = ["docker", "compose", "--project-name", STACK, "up", "--detach", "--wait"]
    subprocess.run(compose, cwd=tmp_path, check=True, capture_output=True)
    assert stack.client.chat(chat_model, QUESTION, options=GREEDY).done
