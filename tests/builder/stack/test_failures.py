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
        (
            "CUDA error: no kernel image is available for execution on the device",
            "another chip",
        ),
        ("torch.AcceleratorError: HIP error: invalid device function", "another chip"),
        ("RuntimeError: HIP error: device kernel image is invalid", "another chip"),
        ("RuntimeError: No HIP GPUs are available", "the container sees no GPU"),
        ("RuntimeError: Failed to infer device type", "the container sees no GPU"),
        (
            "ValueError: Free memory on device cuda:0 (3.1/24.0 GiB) on startup is less than desired "
            "GPU memory utilization (0.92, 22.1 GiB).",
            "something else holds the GPU's memory",
        ),
        (
            "ValueError: Selected backend AttentionBackendEnum.TRITON_ATTN is not valid for this "
            "configuration. Reason: ['MLA not supported']",
            "cannot serve this model",
        ),
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


def test_of_a_stack_trace_only_the_last_exception_is_shown() -> None:
    lines = [
        "(APIServer pid=1) Traceback (most recent call last):",
        '(APIServer pid=1)   File "/opt/venv/lib/x.py", line 3, in f',
        "(APIServer pid=1)     raise OSError(",
        "(APIServer pid=1) OSError: first",
        "(APIServer pid=1) During handling of the above exception, another exception occurred:",
        "(APIServer pid=1) ERROR 11-20 04:52:31 [core.py:9] httpx.ConnectError: no such thing",
        "for two reasons",
    ]
    assert lost("vllm", "stopped with exit code 1", lines).evidence == tuple(lines[-2:])


def test_without_an_exception_the_last_lines_are_shown() -> None:
    lines = [f"line {number}" for number in range(40)]
    assert lost("vllm", "stopped with exit code 1", lines).evidence == tuple(lines[-6:])
