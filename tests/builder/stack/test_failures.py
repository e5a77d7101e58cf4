"""From a lost service's last words to the hint that fits, and the lines that are worth showing."""

import pytest

from builder.stack.failures import lost


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("OSError: org/x is not a valid model identifier listed on 'https://hub'", "set HF_TOKEN"),
        ("huggingface_hub.errors.GatedRepoError: 403 Client Error", "set HF_TOKEN"),
        ("httpx.ConnectError: [Errno -2] Name or service not known", "the hub cannot be reached"),
        ("ssl.SSLError: CERTIFICATE_VERIFY_FAILED", "certificate is not trusted"),
        ("ValueError: ... is larger than the available KV cache memory", "take a smaller model"),
        ("something nobody has seen before", "docker compose logs vllm"),
    ],
)
def test_the_hint_fits_what_it_said(line: str, hint: str) -> None:
    error = lost("vllm", "stopped with exit code 1", ["INFO starting", line])
    assert error.message == "vllm stopped with exit code 1"
    assert hint in (error.hint or "")
    assert line in error.evidence


def test_out_of_memory_is_known_by_its_exit_code() -> None:
    assert "out of memory" in (lost("vllm", "stopped with exit code 137", []).hint or "")


def test_a_stack_trace_is_left_out_when_there_is_something_better() -> None:
    lines = [
        "Traceback (most recent call last):",
        '  File "/opt/venv/lib/x.py", line 3, in f',
        "    g()",
        "ValueError: no such thing",
    ]
    evidence = lost("vllm", "stopped with exit code 1", lines).evidence
    assert evidence[-1] == "ValueError: no such thing"
    assert not any("File" in line for line in evidence)
