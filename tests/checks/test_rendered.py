"""What the builder renders for its targets is what the checks read."""

import json
from functools import cache
from typing import Any

import pytest

from builder.bundle import render_target
from builder.paths import TARGETS
from builder.render import StackOptions
from builder.targets import Choice, load_catalog
from checks.expectation import Expectation, parse


@cache
def rendered(target: str) -> Any:  # noqa: ANN401 - JSON
    files = render_target(Choice(target), StackOptions()).files
    (content,) = (content for name, content in files.items() if name.endswith("/checks.json"))
    return json.loads(content)


def expectation(target: str) -> Expectation:
    return parse(rendered(target))


@pytest.mark.parametrize("target", load_catalog(TARGETS).targets)
def test_every_target_expects_what_can_be_checked(target: str) -> None:
    expect = expectation(target)
    assert expect.target == target
    assert expect.engine == "vllm"
    assert expect.uid_gid == (10001, 0)
    assert expect.least
    assert ("libcuda.so.1" in expect.driver_libraries) == (expect.vendor == "nvidia")
    assert bool(expect.kpack) == (expect.vendor == "amd")
    assert all("{arch}" in pattern for pattern in expect.kpack)


def test_a_processor_expects_no_gpu() -> None:
    expect = expectation("cpu")
    assert (expect.archs, expect.fingerprint) == ((), "")
    assert "--enforce-eager" in expect.args
