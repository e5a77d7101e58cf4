"""From the engine's bytes to Ollama's records, without a socket."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.asking.sse import Events
from proxy.dialect.answers.records import (
    CHAT,
    GENERATE,
    Answer,
    Clock,
    Record,
    Shape,
    StreamedAnswer,
    WholeAnswer,
)
from proxy.dialect.prompts.to_engine import EngineRequest
from proxy.errors import EngineBrokenError
from tests.fakes.fake_engine import DONE, Event, delta, event, said, usage

SPOKEN = said(["Z\u00fcrich ", "\U0001f999"])
THOUGHT = [SPOKEN[0], delta(reasoning="hm"), *SPOKEN[1:]]


def clock() -> Clock:
    """Each look at it is a hundred nanoseconds after the one before."""
    return Clock(ticks=itertools.count(1000, 100).__next__, stamp=lambda: "2026-11-20T04:00:00.000000Z")


def answer_in(shape: Shape, *, stream: bool) -> Answer:
    ticking = clock()
    kind = StreamedAnswer if stream else WholeAnswer
    return kind(Record(shape, "m", ticking), ticking, ticking.ticks(), EngineRequest("/", {}))


def written(data: list[bytes], *, shape: Shape = CHAT, stream: bool = True) -> bytes:
    events, answer = Events(), answer_in(shape, stream=stream)
    records = [answer.feed(told) for piece in data for told in events.feed(piece)]
    return b"".join(records) + answer.finish()


def stream_of(events: list[Event]) -> bytes:
    return b"".join(map(event, events)) + DONE


@pytest.mark.parametrize("stream", [True, False])
@given(cuts=st.lists(st.integers(0, 2000)))
def test_a_stream_cut_anywhere_says_the_same(stream: bool, cuts: list[int]) -> None:
    data = stream_of(THOUGHT)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert written(pieces, stream=stream) == written([data], stream=stream)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"data: ", b"data:"),
        lambda data: b": a comment\n\n" + data.replace(b"data:", b"event: x\nid: 1\ndata:"),
    ],
)
def test_every_way_of_writing_events(change: Any) -> None:  # noqa: ANN401 - a function
    data = stream_of(THOUGHT)
    assert written([change(data)]) == written([data])


def test_the_records_of_a_chat() -> None:
    head = '{"model":"m","created_at":"2026-11-20T04:00:00.000000Z","message":{"role":"assistant","content":'
    assert written([stream_of(THOUGHT)]).decode().splitlines() == [
        head + '"","thinking":"hm"},"done":false}',
        head + '"Z\u00fcrich "},"done":false}',
        head + '"\U0001f999"},"done":false}',
        head
        + '""},"done":true,"done_reason":"stop","total_duration":700,"load_duration":100,'
        + '"prompt_eval_count":7,"prompt_eval_duration":100,"eval_count":3,"eval_duration":400}',
    ]


def test_the_record_of_a_whole_generation() -> None:
    told = json.loads(written([stream_of(THOUGHT)], shape=GENERATE, stream=False))
    assert told["response"] == "Z\u00fcrich \U0001f999"
    assert told["thinking"] == "hm"
    assert (told["eval_duration"], told["prompt_eval_duration"]) == (400, 100)


def test_a_finish_without_text_still_has_times() -> None:
    told = json.loads(written([stream_of([delta("stop"), usage(4, 1)])]))
    assert min(value for name, value in told.items() if name.endswith("_duration")) > 0


@pytest.mark.parametrize(
    ("reason", "told"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("abort", None)],
)
def test_why_it_ended(reason: str, told: str | None) -> None:
    assert json.loads(written([stream_of([delta(reason)])])).get("done_reason") == told


def test_what_comes_after_the_reason_is_waited_for() -> None:
    answer = answer_in(CHAT, stream=True)
    for told in Events().feed(b"".join(map(event, [delta(content="x"), delta("stop"), usage(3, 4)]))):
        assert not answer.done
        answer.feed(told)
    assert json.loads(answer.finish())["eval_count"] == 4


def test_an_answer_without_an_end_is_none() -> None:
    with pytest.raises(EngineBrokenError, match="before the answer was complete"):
        written([stream_of([delta(content="x")])])


@given(st.binary(max_size=80))
def test_garbage_is_the_engines_fault_and_nothing_else(data: bytes) -> None:
    answer = answer_in(CHAT, stream=True)
    try:
        for told in Events().feed(b"data: " + data + b"\n"):
            answer.feed(told)
        answer.finish()
    except EngineBrokenError:
        return
    raise AssertionError(data)


def test_a_line_without_end_is_given_up() -> None:
    events = Events()
    for _ in range(32):
        assert events.feed(bytes(1024 * 1024)) == []
    with pytest.raises(EngineBrokenError, match="too large"):
        events.feed(b"x")
