"""Which image of a target somebody means, told by labels before the image is started."""

import argparse
from collections.abc import Mapping
from typing import cast

import pytest

from builder import verify
from builder.console import Console
from builder.engine import Engine, ImageFacts
from builder.errors import UsageError, VerifyError

TAG = "somewhere/vllm:1"


class FakeEngine:
    """An engine with one image that was never built from anything."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def image(self, name: str) -> ImageFacts:
        return ImageFacts("sha256:0", (name,), self._labels, 0, (), ())


def look_at(
    monkeypatch: pytest.MonkeyPatch,
    console: Console,
    labels: Mapping[str, str],
    *,
    target: str,
    route: str | None = None,
    extras: list[str] | None = None,
) -> None:
    monkeypatch.setattr(verify, "connect", lambda: cast(Engine, FakeEngine(labels)))
    verify.run_verify(argparse.Namespace(image=TAG, target=target, route=route, extras=extras), console)


def test_what_was_chosen_is_in_the_command_that_builds_it_again(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    labels = {"gfxpack.image": "vllm", "gfxpack.target": "sm_90", "gfxpack.inputs": "b" * 64}
    with pytest.raises(VerifyError) as caught:
        look_at(monkeypatch, console, labels, target="sm_90", extras=["jit", "multimodal"])
    wanted = "`build.py build --target sm_90 --with jit --with multimodal --image vllm`"
    assert caught.value.hint == f"build again: {wanted}"


def test_the_other_route_is_in_it_too(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    labels = {"gfxpack.image": "vllm", "gfxpack.target": "gfx1151", "gfxpack.inputs": "b" * 64}
    with pytest.raises(VerifyError) as caught:
        look_at(monkeypatch, console, labels, target="gfx1151", route="source")
    assert caught.value.hint == "build again: `build.py build --target gfx1151 --route source --image vllm`"


def test_every_image_of_the_target_is_in_the_list(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    labels = {"gfxpack.image": "vllm", "gfxpack.target": "sm_86"}
    with pytest.raises(UsageError) as caught:
        look_at(monkeypatch, console, labels, target="gfx1100")
    assert caught.value.message == f"{TAG!r} is no image of target gfx1100"
    images = ("vllm:0.33.0-gfx1100", "proxy:", "embeddings:", "llamacpp:")
    assert all(f"gfxpack/{image}" in (caught.value.hint or "") for image in images)
