"""How the image's flags and the person's arguments become one command line and one environment."""

import pytest

from runner import engines
from runner.engines import ENGINES, Invocation


def invocation(*given: str, fixed: tuple[str, ...] = (), **environment: str) -> Invocation:
    return Invocation(fixed=fixed, given=given, environment=environment)


def test_vllm_gets_the_model_first_and_the_person_s_flags_last() -> None:
    start = invocation("/models/a", "--no-enforce-eager", fixed=("--enforce-eager", "--port=8000"))
    assert ENGINES["vllm"].command(start) == [
        "vllm", "serve", "/models/a", "--enforce-eager", "--port=8000", "--no-enforce-eager",
    ]  # fmt: skip


def test_vllm_takes_the_model_as_an_option_too() -> None:
    start = invocation("--max-model-len=8", "--model", "/models/a", fixed=("--port=1",))
    assert ENGINES["vllm"].command(start) == [
        "vllm", "serve", "--port=1", "--max-model-len=8", "--model", "/models/a",
    ]  # fmt: skip


def test_infinity_s_flags_stand_in_their_order() -> None:
    start = invocation("--model-id=/models/a", fixed=("--port=1",))
    assert ENGINES["infinity"].command(start) == ["infinity_emb", "v2", "--port=1", "--model-id=/models/a"]


@pytest.fixture
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(engines, "allowed_cpus", lambda: [0, 1, 4, 5])
    monkeypatch.setattr(engines, "cpu_quota", lambda: None)
    return monkeypatch


@pytest.mark.usefixtures("four_cpus")
def test_vllm_gets_every_processor_that_the_container_may_use() -> None:
    environment = ENGINES["vllm"].environment(invocation("/models/a"))
    assert environment["VLLM_CPU_OMP_THREADS_BIND"] == "0,1,4,5"


def test_under_a_quota_no_thread_is_bound(four_cpus: pytest.MonkeyPatch) -> None:
    four_cpus.setattr(engines, "cpu_quota", lambda: 2)
    environment = ENGINES["vllm"].environment(invocation("/models/a"))
    assert environment["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert ENGINES["infinity"].environment(invocation())["OMP_NUM_THREADS"] == "2"


def test_a_quota_above_the_processors_changes_nothing(four_cpus: pytest.MonkeyPatch) -> None:
    four_cpus.setattr(engines, "cpu_quota", lambda: 64)
    environment = ENGINES["vllm"].environment(invocation("/models/a"))
    assert environment["VLLM_CPU_OMP_THREADS_BIND"] == "0,1,4,5"


@pytest.mark.usefixtures("four_cpus")
def test_what_the_person_says_of_threads_stands() -> None:
    start = invocation("/models/a", VLLM_CPU_OMP_THREADS_BIND="auto", OMP_NUM_THREADS="1")
    assert ENGINES["vllm"].environment(start)["VLLM_CPU_OMP_THREADS_BIND"] == "auto"
    assert ENGINES["infinity"].environment(start)["OMP_NUM_THREADS"] == "1"


@pytest.mark.usefixtures("four_cpus")
@pytest.mark.parametrize("several", [("-tp", "2"), ("--tensor-parallel-size=2",)])
def test_several_workers_part_the_processors_themselves(several: tuple[str, ...]) -> None:
    assert "VLLM_CPU_OMP_THREADS_BIND" not in ENGINES["vllm"].environment(invocation("/models/a", *several))


@pytest.mark.parametrize("size", [("--kv-cache-memory-bytes", "1"), ("--kv-cache-memory-bytes=1",)])
def test_a_cache_size_on_the_command_line_wins_over_the_image_s(size: tuple[str, ...]) -> None:
    start = invocation("/models/a", *size, VLLM_CPU_KVCACHE_SPACE="1")
    assert "VLLM_CPU_KVCACHE_SPACE" not in ENGINES["vllm"].environment(start)
