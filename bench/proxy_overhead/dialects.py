"""The two ways to ask for a streamed answer, and to read it."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from bench.proxy_overhead.engine import MODEL


@dataclass(frozen=True, slots=True)
class Dialect:
    """`read` gives an answer's text, and raises `ValueError` of one that is not whole."""

    path: str
    asked: Callable[[str, int], dict[str, object]]
    read: Callable[[bytes], str]

    def request(self, first: int, count: int) -> bytes:
        """A POST for an answer of so many tokens."""
        body = msgspec.json.encode(self.asked(f"say {first}", count))
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _ollama(prompt: str, count: int) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": MODEL, "messages": messages, "options": {"num_predict": count}}


def _openai(prompt: str, count: int) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt}]
    usage = {"include_usage": True}
    return {
        "model": MODEL,
        "messages": messages,
        "max_tokens": count,
        "stream": True,
        "stream_options": usage,
    }


def _read_ollama(body: bytes) -> str:
    *parts, last = (msgspec.json.decode(line) for line in body.splitlines())
    if last.get("done_reason") != "stop" or last.get("eval_count") != len(parts):
        raise ValueError(f"the last record is {last}")
    return "".join(part["message"]["content"] for part in parts)


def _read_openai(body: bytes) -> str:
    *events, last = (line[6:] for line in body.splitlines() if line.startswith(b"data: "))
    if last != b"[DONE]":
        raise ValueError(f"the last event is {last!r}")
    deltas = [choice["delta"] for event in events for choice in msgspec.json.decode(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


OLLAMA = Dialect("/api/chat", _ollama, _read_ollama)
OPENAI = Dialect("/v1/chat/completions", _openai, _read_openai)


def unchunked(answer: bytes) -> bytes:
    """The body of an answer that came in chunks."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ValueError(f"the answer is {answer!r}")
    parts: list[bytes] = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts)
        parts.append(rest[:length])
        rest = rest[length + 2 :]
