"""The verify verb on real images: what it says first about one that is no image of today's inputs."""

import argparse
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder import verify
from builder.bundle import render_target
from builder.console import Console
from builder.engine import Engine
from builder.errors import UsageError, VerifyError
from builder.render import StackOptions
from builder.targets import Choice
from builder.verify import run_verify

pytestmark = pytest.mark.engine

TAG = "gfxpack-test/verify:1"
Check = Callable[[str], int]


@pytest.fixture
def check(engine: Engine, console: Console, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.setattr(verify, "connect", lambda: engine)
    chosen = {"target": "cpu", "route": None, "extras": None}
    return lambda image: run_verify(argparse.Namespace(image=image, **chosen), console)


@pytest.fixture
def make(engine: Engine, tmp_path: Path) -> Iterator[Callable[[dict[str, str]], str]]:
    """An image with these labels, of one file and without any program."""

    def make(labels: dict[str, str]) -> str:
        archive = tmp_path / "root.tar"
        with tarfile.open(archive, "w") as tar:
            entry = tarfile.TarInfo("etc/motd")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"hello"))
        engine.import_rootfs(archive, TAG, [f'LABEL {name}="{value}"' for name, value in labels.items()])
        return TAG

    yield make
    engine.remove_image(TAG)


def test_an_image_of_other_inputs_is_to_be_built_again(
    check: Check, make: Callable[[dict[str, str]], str]
) -> None:
    tag = make({"gfxpack.image": "proxy", "gfxpack.inputs": "b" * 64})
    today = render_target(Choice("cpu"), StackOptions()).image("proxy").inputs
    with pytest.raises(VerifyError) as caught:
        check(tag)
    assert caught.value.message.startswith(f"{tag} was built from other inputs")
    assert "b" * 12 in caught.value.message
    assert today[:12] in caught.value.message
    assert caught.value.hint == "build again: `build.py build --target cpu --image proxy`"


def test_an_image_that_cannot_be_asked_says_why_and_where_to_mend_it(
    check: Check, make: Callable[[dict[str, str]], str]
) -> None:
    tag = make(dict(render_target(Choice("cpu"), StackOptions()).image("proxy").labels))
    with pytest.raises(VerifyError) as caught:
        check(tag)
    assert "did not run its own interpreter" in caught.value.message
    assert "/opt/venv/bin/python" in caught.value.message
    assert caught.value.hint
    assert "docker run" not in caught.value.hint, "a build removes the image that fails"
    assert "images/proxy/" in caught.value.hint


def test_an_image_of_somebody_else_gets_the_list(check: Check, make: Callable[[dict[str, str]], str]) -> None:
    with pytest.raises(UsageError) as caught:
        check(make({}))
    assert caught.value.message == f"{TAG!r} is no image of target cpu"
    assert caught.value.hint
    assert all(f"gfxpack/{name}:" in caught.value.hint for name in ("vllm", "proxy", "embeddings"))


@pytest.mark.parametrize("image", ["Foo:bar:baz", "", "a b", "no-such-image:1"])
def test_a_name_that_no_image_has_is_one_line(image: str, check: Check) -> None:
    with pytest.raises(UsageError, match=r"no image|no name of an image") as caught:
        check(image)
    assert repr(image) in caught.value.message
    assert caught.value.hint
