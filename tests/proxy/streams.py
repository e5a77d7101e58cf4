"""Streams of an engine, of every kind of chunk and of every end, and ways to cut them."""

import itertools

from hypothesis import strategies as st

from tests.fakes.fake_engine import DONE, Event, delta, error, event, usage
from tests.proxy.requests import as_json, spoiled

_words = st.sampled_from(["one ", "", "\u65e5\u672c", "\U0001f999\u200d", "\n", '"\\', "\0"]) | st.text(
    max_size=6
)


def _call(index: int, text: str) -> Event:
    call = {"index": index, "id": f"call-{index}", "function": {"name": "f", "arguments": text}}
    return delta(tool_calls=[call])


def _weighed(word: str) -> Event:
    token = {"token": word, "logprob": -0.5, "bytes": list(word.encode("utf-8", "replace"))}
    return delta(content=word, logprobs={"content": [token | {"top_logprobs": [token]}]})


_chunks = (
    _words.map(lambda word: delta(content=word))
    | _words.map(lambda word: delta(reasoning=word))
    | _words.map(lambda word: delta(reasoning_content=word))
    | _words.map(_weighed)
    | st.builds(_call, st.integers(0, 2), st.sampled_from(['{"a": ', "1}", "", "{}", "no"]))
    | st.just(delta(role="assistant", content=""))
)
_noise = st.sampled_from([b"", b": waiting\n\n", b"event: x\nid: 1\n", b"\n\n", b"\r\n", b"data:\n\n"])
_ends = st.sampled_from(
    [
        event(delta("stop")) + event(usage(3, 4)) + DONE,
        event(delta("length")) + DONE,
        event(delta("tool_calls")) + event(usage(3, 4)),
        event(delta("stop"))[:-2],
        event(error("it broke", 500)),
        event(b'{"choices": [{"delta"'),
        b'data: {"choi',
        DONE,
        b"",
    ]
)


def _joined(parts: list[tuple[Event, bytes]], end: bytes) -> bytes:
    return b"".join(noise + event(told) for told, noise in parts) + end


streams = st.builds(_joined, st.lists(st.tuples(_chunks, _noise), max_size=8), _ends)


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes in pieces, none of them empty."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


_CHUNK = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "a",
                "reasoning": "b",
                "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}],
            },
            "logprobs": {"content": [{"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []}]},
            "finish_reason": None,
            "token_ids": [1, 2],
        }
    ],
    "prompt_token_ids": [1],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}
_TEXT_CHUNK = {
    "choices": [
        {
            "text": "a",
            "finish_reason": "stop",
            "logprobs": {"tokens": ["a"], "token_logprobs": [-1.5], "top_logprobs": [{"a": -1.5}]},
        }
    ]
}
_odd_chunks = spoiled(_CHUNK) | spoiled(_TEXT_CHUNK) | spoiled({"error": {"message": "x", "code": 400}})
# Streams whose chunks are JSON, and mostly near to what is wanted.
odd_streams = st.lists(_odd_chunks.map(as_json).map(event), min_size=1, max_size=4).map(
    lambda told: b"".join(told) + event(delta("stop")) + DONE
)
odd_embeddings = spoiled(
    {"data": [{"index": 0, "embedding": [1.0, 2.0]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
).map(as_json)
odd_errors = spoiled({"error": {"message": "x", "type": "y", "code": 400}}).map(as_json)
