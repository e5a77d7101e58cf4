"""Many requests at once, each with a secret of its own, some of which go wrong: nobody hears of another's."""

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.fake_embeddings import FakeEmbeddings
from tests.fakes.fake_engine import STREAM, FakeEngine, delta, error, event, said, streamed, usage
from tests.fakes.fake_server import LAST_CHUNK, Close, Received, Reset, Script, chunk, whole
from tests.proxy.conftest import CHAT_MANIFEST, EMBEDDING_MANIFEST, RunningProxy, describe, settings_for

SECRET = re.compile(rb"secret-(\d{6})")
MODEL, EMBEDS = "smollm2:135m", "all-minilm:l6-v2"
REQUESTS = 600


def secrets_in(data: bytes) -> set[int]:
    return {int(number) for number in SECRET.findall(data)}


class Gossip(FakeEngine):
    """Says back what it is told, in full and at length, also where it fails. How it fails depends on the
    secret, so that requests of all fates are under way at once."""

    def answer(self, request: Received) -> Script:
        found = secrets_in(request.body)
        if request.method == "GET" or not found:
            return super().answer(request)
        words = [f"secret-{number:06d} " for number in sorted(found)]
        half = chunk(b"".join(map(event, said(words)[:2])))
        fates: list[Script] = [
            self._told(request, words),
            whole(error(f"I will not say {words}"), 400),
            whole(error(f"I cannot say {words}", 500), 500),
            [STREAM, half, chunk(event(error(f"{words} broke me", 500))), LAST_CHUNK],
            [STREAM, half, chunk(event(b'{"choices": "' + words[0].encode())), Close()],
            [STREAM, half, Reset()],
            self._calling(words),
        ]
        return fates[min(found) % len(fates)]

    @staticmethod
    def _told(request: Received, words: list[str]) -> Script:
        if request.json().get("stream"):
            return streamed(said(words * 20), cut=50)
        return whole({"choices": [{"message": {"content": words * 20}, "finish_reason": "stop"}]})

    @staticmethod
    def _calling(words: list[str]) -> Script:
        call = {"index": 0, "function": {"name": "f", "arguments": json.dumps(words)}}
        return streamed([delta(tool_calls=[call]), delta("tool_calls"), usage(1, 1)], cut=50)


def asked(number: int) -> tuple[str, bytes]:
    """Path and body of a request that holds the secret of this number, sound or not."""
    secret = f"secret-{number:06d}"
    turns = [{"role": "user", "content": secret}]
    shapes: list[tuple[str, Any]] = [
        ("/api/chat", {"model": MODEL, "messages": turns}),
        ("/api/chat", {"model": MODEL, "messages": turns, "stream": False}),
        ("/api/generate", {"model": MODEL, "prompt": secret, "system": secret}),
        ("/api/generate", {"model": MODEL, "prompt": secret, "raw": True}),
        ("/api/embed", {"model": EMBEDS, "input": [secret, secret]}),
        ("/v1/chat/completions", {"model": MODEL, "messages": turns, "stream": True}),
        ("/v1/chat/completions", {"model": MODEL, "messages": turns}),
        ("/v1/messages", {"model": MODEL, "messages": turns, "max_tokens": 5}),
        ("/api/chat", {"model": secret, "messages": turns}),
        ("/api/chat", {"model": MODEL, "messages": turns, "format": secret}),
        ("/api/chat", {"model": MODEL, "messages": turns, "keep_alive": secret}),
    ]
    path, body = shapes[number % len(shapes)]
    data = json.dumps(body).encode()
    return path, data[:-1] if number % 13 == 0 else data


@pytest.fixture
def gossiping(tmp_path: Path) -> Iterator[RunningProxy]:
    describe(tmp_path, CHAT_MANIFEST)
    describe(tmp_path, EMBEDDING_MANIFEST)
    with Gossip() as engine, FakeEmbeddings() as embeddings:
        proxy = RunningProxy(settings_for(tmp_path, engine.url, embeddings.url))
        yield proxy
        proxy.stop()


def test_nobody_hears_anothers_secret(gossiping: RunningProxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "proxy")

    def ask(number: int) -> tuple[int, set[int]]:
        path, body = asked(number)
        heard = b""
        try:
            with gossiping.client.stream("POST", path, content=body) as answer:
                for data in answer.iter_bytes():
                    heard += data
        except httpx.RemoteProtocolError:
            assert path.startswith("/v1/")
        return number, secrets_in(heard)

    numbers = range(100_000, 100_000 + REQUESTS)
    with ThreadPoolExecutor(24) as pool:
        heard = dict(pool.map(ask, numbers))
    assert {number: told for number, told in heard.items() if told - {number}} == {}
    assert sum(bool(told) for told in heard.values()) > REQUESTS / 3
    told = b"".join(record.getMessage().encode() for record in caplog.records if "proxy" in record.name)
    assert secrets_in(told) == set()
