"""BuildKit's progress streams, recorded from real builds, and what they may be damaged to."""

import base64
import json
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.engine.progress import Progress, StepName, Vertex
from tests.builder.engine.recordings import build

NOW = datetime(2026, 11, 20, 4, 25, 38, tzinfo=UTC)


def replay(name: str) -> tuple[Progress, list[Vertex]]:
    progress = Progress()
    finished = [vertex for line in build(name) for vertex in progress.feed(line)]
    return progress, finished


def log_line(text: str, *, vertex: str = "v", stream: int = 1) -> str:
    data = base64.b64encode(text.encode()).decode()
    return json.dumps({"logs": [{"vertex": vertex, "stream": stream, "data": data}]})


def started(name: str, vertex: str = "v") -> str:
    return json.dumps(
        {"vertexes": [{"digest": vertex, "name": name, "started": "2026-11-20T04:25:37.000000000Z"}]}
    )


def test_each_step_finishes_once_in_the_order_of_the_build() -> None:
    _, finished = replay("complete")
    assert [vertex.name.place for vertex in finished] == [
        "build 2/3",
        "build 3/3",
        "stage-1 2/4",
        "stage-1 3/4",
        "stage-1 4/4",
    ]
    assert not any(vertex.cached for vertex in finished)
    assert finished[0].seconds == pytest.approx(1.3, abs=0.1)


def test_a_cached_build_says_so() -> None:
    progress, finished = replay("all-cached")
    assert all(vertex.cached for vertex in finished)
    assert progress.summary == "5 steps, 5 cached"


def test_a_base_is_worth_a_line_only_when_it_was_fetched() -> None:
    _, finished = replay("fetched-base")
    assert [vertex.name.instruction.split()[0] for vertex in finished] == ["FROM", "RUN"]
    assert finished[0].amount == "60.0 MB of 60.0 MB"


def test_the_failing_step_is_found_with_its_log() -> None:
    progress, finished = replay("failed-step")
    failure = progress.failure
    assert failure is not None
    assert failure.name.place == "build 3/3"
    assert failure not in finished
    assert [line for line in failure.log_lines() if line][-2:] == [
        "work 30",
        "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
    ]
    assert "exit code: 7" in failure.error


def test_an_older_buildx_spreads_a_message_over_lines() -> None:
    progress, finished = replay("failed-step-buildx-0.13")
    assert [vertex.name.place for vertex in finished] == ["make 2/3"]
    assert progress.failure is not None
    assert "work 9" in progress.failure.log_lines()
    assert progress.text[0] == "Dockerfile:3"
    assert progress.text[-1].startswith("ERROR: failed to solve")


def test_a_dockerfile_that_does_not_parse_leaves_buildx_own_words() -> None:
    progress, finished = replay("unparsable")
    assert progress.failure is None
    assert not finished
    assert progress.text[-1].endswith("unknown instruction: RUNN (did you mean RUN?)")


def test_a_base_that_is_not_there_fails_outside_of_any_step() -> None:
    progress, _ = replay("missing-base")
    assert progress.failure is not None
    assert progress.failure.name.number == 0


def test_the_linter_s_warnings_are_heard() -> None:
    progress, _ = replay("warnings")
    assert len(progress.warnings) == 4
    assert any("SecretsUsedInArgOrEnv" in warning for warning in progress.warnings)


def test_the_live_line_shows_stage_step_time_and_bytes() -> None:
    progress = Progress()
    progress.feed(started("[build 2/5] COPY data /data"))
    transfer = {"vertex": "v", "id": "transferring", "current": 14_200_000, "total": 100_000_000}
    progress.feed(json.dumps({"statuses": [transfer]}))
    assert progress.activity(NOW) == "build 2/5 COPY data /data  1.0s  14.2 MB of 100.0 MB"


def test_the_live_line_shows_the_last_output_where_there_are_no_bytes() -> None:
    progress = Progress()
    progress.feed(started("[build 2/5] RUN pip install"))
    progress.feed(log_line("Collecting torch\nDownloading torch (190 MB)\n"))
    assert progress.activity(NOW) == "build 2/5 RUN pip install  1.0s  Downloading torch (190 MB)"


def test_nothing_runs_before_the_start_and_after_the_end() -> None:
    progress, _ = replay("complete")
    assert progress.activity(NOW) == ""
    assert Progress().activity(NOW) == ""


def test_output_that_comes_in_pieces_is_put_together_by_stream() -> None:
    progress = Progress()
    progress.feed(started("[1/1] RUN make"))
    progress.feed(log_line("half a "))
    progress.feed(log_line("trouble", stream=2))
    progress.feed(log_line("line\nnext"))
    vertex = progress.steps[0]
    assert vertex.log_lines() == ["half a line", "next", "trouble"]


def test_a_progress_bar_leaves_its_last_state_alone() -> None:
    progress = Progress()
    progress.feed(started("[1/1] RUN fetch"))
    progress.feed(log_line("  0%\r 50%\r100%\ndone\r\n"))
    assert progress.steps[0].log_lines() == ["100%", "done"]


def test_a_long_log_does_not_grow_without_end() -> None:
    progress = Progress()
    progress.feed(started("[1/1] RUN yes"))
    for number in range(3000):
        progress.feed(log_line(f"line {number}\n"))
    lines = progress.steps[0].log_lines()
    assert len(lines) < 500
    assert lines[-1] == "line 2999"


@pytest.mark.parametrize(
    "line",
    [
        started("[1/1] RUN pip install --index-url https://me:hunter2@index.example/simple x"),
        log_line("Looking in indexes: https://me:hunter2@index.example/simple\n"),
        'ERROR: process "fetch https://me:hunter2@index.example/x" did not complete',
        json.dumps({"vertexes": [{"digest": "v", "name": "[1/1] RUN x", "error": "http://me:hunter2@h/"}]}),
    ],
    ids=["name", "log", "text", "error"],
)
def test_a_password_in_an_address_is_never_kept(line: str) -> None:
    progress = Progress()
    progress.feed(started("[1/1] RUN x"))
    progress.feed(line)
    kept = [*progress.text]
    for vertex in progress._vertices.values():
        kept += [str(vertex.name), vertex.name.instruction, vertex.error, *vertex.log_lines()]
    assert "hunter2" not in "\n".join(kept)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[build 2/5] RUN make", StepName("build", 2, 5, "RUN make")),
        ("[stage-1  2/12] COPY a b", StepName("stage-1", 2, 12, "COPY a b")),
        ("[2/3] RUN make", StepName("", 2, 3, "RUN make")),
        ("[linux/amd64 build 2/5] RUN make", StepName("build", 2, 5, "RUN make")),
        ("[build 2/5] COPY --from=x --chown=1:0 a b", StepName("build", 2, 5, "COPY a b")),
        (
            "[build 2/5] RUN --mount=type=cache,id=a,target=/b     pip install --no-deps x",
            StepName("build", 2, 5, "RUN pip install --no-deps x"),
        ),
        ("[internal] load .dockerignore", StepName("", 0, 0, "[internal] load .dockerignore")),
        ("exporting to image", StepName("", 0, 0, "exporting to image")),
        ("", StepName("", 0, 0, "")),
    ],
)
def test_names_of_steps(name: str, expected: StepName) -> None:
    assert StepName.parse(name) == expected


def test_a_long_instruction_is_cut_for_the_eye() -> None:
    name = StepName.parse("[build 1/1] RUN " + "x" * 500)
    assert len(str(name)) < 80
    assert str(name).endswith("…")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("digest", "vertex", "name", "started", "completed", "error", "id", "data", "current", "stream")
entries = st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, json_values))


@settings(max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                key: st.lists(entries, max_size=2) | json_values
                for key in ("vertexes", "statuses", "logs", "warnings")
            },
        ),
        max_size=4,
    )
)
def test_no_shape_of_a_message_breaks_the_parser(messages: list[dict[str, object]]) -> None:
    progress = Progress()
    for message in messages:
        progress.feed(json.dumps(message))
    progress.activity(NOW)
    assert progress.summary


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    Progress().feed(text)
    Progress().feed("{" + text)


def test_a_stream_cut_in_the_middle_of_a_line_keeps_what_came_before() -> None:
    progress = Progress()
    text = "".join(build("complete"))
    for line in text[: len(text) // 2].splitlines():
        progress.feed(line)
    assert progress.steps


def test_the_live_line_can_be_drawn_while_the_stream_is_read() -> None:
    progress = Progress()
    errors: list[Exception] = []
    done = threading.Event()

    def draw() -> None:
        while not done.is_set():
            try:
                progress.activity(NOW)
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=draw)
    thread.start()
    for number in range(2000):
        progress.feed(started(f"[1/9] RUN {number}", f"v{number}"))
        progress.feed(log_line("a\nb\n", vertex=f"v{number}"))
    done.set()
    thread.join()
    assert not errors


@pytest.mark.parametrize("moment", ["2026-11-20", "20261120", "2026-11-20T04:25:37", 5, True, "soon"])
def test_times_of_any_spelling_do_not_break_the_live_line(moment: object) -> None:
    progress = Progress()
    progress.feed(started("[1/2] RUN a"))
    progress.feed(json.dumps({"vertexes": [{"digest": "w", "name": "[2/2] RUN b", "started": moment}]}))
    assert progress.activity(NOW)
