"""What holds for any request, and for any way in which a stream may be cut."""

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import FakeEngine
from tests.proxy.conftest import (
    CHAT_MANIFEST,
    EMBEDDING_MANIFEST,
    NOBODY,
    RunningProxy,
    Stack,
    describe,
    settings_for,
)
from tests.proxy.requests import requests

QUICKLY = settings(max_examples=250, derandomize=True, suppress_health_check=list(HealthCheck))
AT_LENGTH = settings(max_examples=20_000, suppress_health_check=list(HealthCheck))

# Ollama's own answers of status 500 to what a client asks for.
OLLAMAS_OWN = ("pull model manifest: file does not exist", "' not found")


class Faults(logging.Handler):
    """What the proxy and its server log as their own fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(self.format(record))


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    handler = Faults()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def any_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Nobody answers where it pulls from."""
    models = tmp_path_factory.mktemp("models")
    describe(models, CHAT_MANIFEST)
    describe(models, EMBEDDING_MANIFEST)
    with FakeEngine() as engine, FakeEmbeddings() as embeddings:
        proxy = RunningProxy(settings_for(models, engine.url, embeddings.url, hub=NOBODY))
        yield Stack(proxy, engine, embeddings, models)
        proxy.stop()


def told(answer: httpx.Response) -> list[dict[str, object]]:
    """The objects of an answer; its error among them, in the form of any of the dialects."""
    if answer.headers.get("content-type", "").startswith("text/") or not answer.text:
        return []
    return [json.loads(line) for line in answer.text.splitlines()]


def check(stack: Stack, faults: Faults, request: tuple[str, str, bytes]) -> None:
    faults.told.clear()
    method, path, body = request
    answer = stack.client.request(method, path, content=body)
    records = told(answer)
    assert faults.told == []
    if answer.status_code >= 400 and records:
        assert "error" in records[-1]
    if answer.status_code == 500:
        assert str(records[-1]["error"]).endswith(OLLAMAS_OWN)


@QUICKLY
@given(request=requests())
@example(request=("POST", "/api/chat", b"[" * 100_000))
@example(
    request=("POST", "/api/chat", b'{"model": "smollm2:135m", "messages": [' + b"{}," * 50_000 + b"{}]}")
)
def test_no_request_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, request: tuple[str, str, bytes]
) -> None:
    check(any_stack, faults, request)


@pytest.mark.long
@AT_LENGTH
@given(request=requests())
def test_no_request_of_very_many_is_a_fault_of_ours(
    any_stack: Stack, faults: Faults, request: tuple[str, str, bytes]
) -> None:
    check(any_stack, faults, request)
