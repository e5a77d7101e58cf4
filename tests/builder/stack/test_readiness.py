"""When a started stack counts as ready, as lost, and what its log says meanwhile."""

import pytest

from builder.stack.readiness import ServiceState, activity, judge

UP = ServiceState("running", "healthy")
LOADING = ServiceState("running", "starting")


def test_all_up_is_ready() -> None:
    assert judge({"vllm": UP, "proxy": ServiceState("running", "")}).ready


def test_a_service_that_came_back_and_is_well_is_not_lost() -> None:
    assert judge({"vllm": ServiceState("running", "healthy", restarts=2)}).ready


def test_what_is_still_loading_is_named() -> None:
    progress = judge({"vllm": LOADING, "embeddings": UP, "proxy": ServiceState("created", "")})
    assert progress.waiting == ("vllm", "proxy")
    assert not progress.ready


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (ServiceState("exited", "", exit_code=1), "stopped with exit code 1"),
        (ServiceState("exited", "", exit_code=0), "stopped with exit code 0"),
        (ServiceState("restarting", "", exit_code=137), "keeps stopping, last with exit code 137"),
        (ServiceState("running", "starting", exit_code=0, restarts=1), "keeps stopping"),
        (ServiceState("running", "unhealthy"), "fails its health check"),
    ],
)
def test_what_will_not_come_up_is_named_with_the_reason(state: ServiceState, reason: str) -> None:
    progress = judge({"proxy": UP, "vllm": state})
    assert progress.failed == "vllm"
    assert reason in progress.reason
    assert not progress.ready


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "(EngineCore pid=41) INFO 11-20 04:31:07 [model_runner.py:21] Loading model from scratch...",
            "Loading model from scratch...",
        ),
        (
            "\rLoading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<00:00,  9.5it/s]",
            "Loading safetensors checkpoint shards 50%",
        ),
        ("INFO:     Application startup complete.", "Application startup complete."),
        ("plain words", "plain words"),
        ("", ""),
    ],
)
def test_a_log_line_without_its_ballast(line: str, expected: str) -> None:
    assert activity(line) == expected
