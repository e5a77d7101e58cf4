"""From real complaints to one line and a hint."""

import pytest

from builder.engine.failures import EVIDENCE_LINES, explain, hint_for
from builder.engine.progress import Progress
from tests.builder.engine.recordings import build, log


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("pip-hash", "not the one that was locked"),
        ("pip-no-hash", "has no hash in the lock"),
        ("pip-refused", "does not answer"),
        ("pip-dns", "could not be resolved"),
        ("pip-tls", "not trusted"),
        ("pip-untrusted-host", "trusted-host"),
        ("pip-none", "holds this version"),
        ("apt-refused", "does not answer"),
        ("apt-dns", "could not be resolved"),
        ("apt-404", "Debian package"),
        ("apt-tls", "not trusted"),
        ("disk-full", "disk space"),
        ("oom", "memory"),
    ],
)
def test_what_the_log_says_chooses_the_hint(name: str, word: str) -> None:
    hint = hint_for(log(name))
    assert hint is not None
    assert word in hint


def test_a_log_that_says_nothing_known_gives_no_hint() -> None:
    assert hint_for("make: *** [all] Error 2") is None


@pytest.mark.parametrize(("name", "word"), [("apt-dns", "this machine's network"), ("apt-refused", "answer")])
def test_what_runs_on_this_machine_is_not_said_to_be_inside_a_build(name: str, word: str) -> None:
    hint = hint_for(log(name), on_host=True)
    assert hint is not None
    assert word in hint
    assert "build" not in hint
    assert "engine" not in hint


def test_an_engine_that_does_not_know_a_health_check_s_option_is_told_from_an_old_buildx() -> None:
    said = "ERROR: failed to solve: dockerfile parse error on line 40: unknown flag: start-interval"
    assert hint_for(said) == "the container engine is too old: install Docker 25 or newer"
    assert hint_for("unknown flag: --provenance") == "docker buildx is too old: install a newer one"


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (
            "ERROR: No matching distribution found for amd-torch-device-gfx1151==2.13.0+rocm10.0.0",
            "device wheel",
        ),
        ("ERROR: No matching distribution found for rocm-sdk-core==10.0.0", "upstream index"),
        ("ERROR: No matching distribution found for torch==2.13.0+rocm10.0.0", "upstream index"),
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "pip's index-url"),
        ("error: patch failed: setup.py:1\nerror: setup.py: patch does not apply", "make the patch again"),
        ("vllm/_C.so: refused: holds no code for gfx1103, only for gfx942", "no code for this chip"),
        ("E: Version '1:0.6.9+dfsg-1' for 'llama.cpp-tools' was not found", "mirror has moved on"),
        ("aotriton.images: refused: no code for gfx906; it has gfx942", "no code for this chip"),
    ],
)
def test_what_upstream_may_lack_has_a_hint_of_its_own(said: str, word: str) -> None:
    hint = hint_for(said)
    assert hint is not None
    assert word in hint


def test_an_own_program_s_error_and_hint_are_the_build_s() -> None:
    """Its other lines come by another pipe, and may stand between the two."""
    progress = Progress()
    for line in build("failed-step"):
        progress.feed(line)
    assert progress.failure is not None
    said = (
        "ok      versions\nerror: check kpack: there is no archive\nok      code\nhint:  install its wheel\n"
    )
    progress.failure.append(2, said)
    error = explain("build gfxpack/vllm:1", progress, 1)
    assert error.message.endswith(": check kpack: there is no archive")
    assert error.hint == "install its wheel"


def failure(name: str) -> tuple[str, str | None, tuple[str, ...]]:
    progress = Progress()
    for line in build(name):
        progress.feed(line)
    error = explain("build gfxpack/vllm:1", progress, 1)
    return error.message, error.hint, error.evidence


def test_a_failed_step_is_named_with_its_last_lines() -> None:
    message, hint, evidence = failure("failed-step")
    assert message.startswith("build gfxpack/vllm:1 failed in step build 3/3 RUN echo")
    assert message.endswith(": exit code: 7")
    assert "\n" not in message
    assert hint is not None
    assert len(evidence) == EVIDENCE_LINES
    assert evidence[-1].startswith("ERROR: THESE PACKAGES DO NOT MATCH")


def test_a_dockerfile_that_does_not_parse_is_shown_at_its_line() -> None:
    message, hint, evidence = failure("unparsable")
    assert "dockerfile parse error on line 2: unknown instruction: RUNN" in message
    assert hint is not None
    assert any(">>> RUNN echo" in line for line in evidence)


def test_a_missing_base_says_what_to_build_first() -> None:
    message, hint, _ = failure("missing-base")
    assert "gfxpack/no-such-base" in message
    assert hint is not None
    assert "build the base first" in hint


def test_a_missing_file_is_named() -> None:
    message, _, _ = failure("missing-file")
    assert '"/nothing": not found' in message


def test_an_end_without_a_word_still_says_something() -> None:
    error = explain("build x", Progress(), 137)
    assert error.message == "build x failed: docker buildx ended with status 137"
    assert error.evidence == ()


def test_the_engine_going_away_is_told_from_a_bad_step() -> None:
    progress = Progress()
    progress.feed("ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    error = explain("build x", progress, 1)
    assert error.hint is not None
    assert "went away" in error.hint
