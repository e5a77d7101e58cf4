"""The report's arithmetic and its page: areas, shared layers, budgets, odd names, images of others."""

import argparse
import io
import json
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import report
from builder.console import Console
from builder.engine import Engine
from builder.errors import UsageError
from builder.report import run_report
from builder.report.page import render_page
from builder.report.treemap import Box, squarify
from builder.report.weights import ImageWeights, Layer, mark_shared, on_disk

BASE = Layer("sha256:base", "base", 110_000_000)
TORCH = Layer("sha256:torch", "torch", 600_000_000)


def image(tag: str, *layers: Layer, budget: int | None = None) -> ImageWeights:
    groups = {
        "site-packages/torch": 600_000_000,
        "/usr/lib": 90_000_000,
        "site-packages/<odd> & named": 9_000_000,
    }
    return ImageWeights(tag, budget, layers, groups)


def test_a_shared_layer_counts_once_and_says_with_whom() -> None:
    one, two = mark_shared(
        [image("vllm:1", BASE, TORCH, Layer("sha256:v", "vllm", 7)), image("embeddings:1", BASE, TORCH)]
    )
    assert on_disk([one, two]) == 710_000_007
    assert one.layers[1].shared_with == ("embeddings:1",)
    assert one.layers[2].shared_with == ()
    assert two.total == 710_000_000
    assert (one.shared, one.own) == (710_000_000, 7)
    assert (two.shared, two.own) == (710_000_000, 0)


@given(st.lists(st.floats(min_value=1, max_value=1e6), min_size=1, max_size=60))
def test_boxes_fill_the_frame_in_proportion(weights: list[float]) -> None:
    weights = sorted(weights, reverse=True)
    frame = Box(0, 0, 1000, 420)
    boxes = squarify(weights, frame)
    assert len(boxes) == len(weights)
    whole = sum(weights)
    for weight, box in zip(weights, boxes, strict=True):
        assert box.width * box.height == pytest.approx(weight / whole * 420_000, rel=1e-3)
        assert box.x >= -0.01
        assert box.y >= -0.01
        assert box.x + box.width <= 1000 + 0.01
        assert box.y + box.height <= 420 + 0.01


def test_boxes_do_not_overlap() -> None:
    boxes = squarify([50, 30, 20, 10, 5, 5, 1], Box(0, 0, 100, 60))
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart_x = one.x + one.width <= other.x + 1e-9 or other.x + other.width <= one.x + 1e-9
            apart_y = one.y + one.height <= other.y + 1e-9 or other.y + other.height <= one.y + 1e-9
            assert apart_x or apart_y


def test_the_page_is_well_formed_and_names_what_is_over_budget() -> None:
    page = render_page(mark_shared([image("vllm:1", BASE, TORCH, budget=500_000_000)]))
    pictures = [ET.fromstring(f"<svg{part.split('</svg>')[0]}</svg>") for part in page.split("<svg")[1:]]  # noqa: S314
    assert len(pictures) == 2
    assert "<odd>" not in page
    assert "class=over" in page
    assert "710.0 MB" in page


def test_an_image_without_files_still_has_a_page() -> None:
    assert "empty:1" in render_page([ImageWeights("empty:1", None, (), {})])


def test_the_page_says_so_where_files_are_not_counted() -> None:
    page = render_page([ImageWeights("other:1", None, (BASE,), None)])
    assert page.count("<svg") == 1
    assert "files are not counted" in page


PLAIN = "gfxpack-test/report:1"


@pytest.fixture
def plain(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An image of one file, without any program."""
    monkeypatch.setattr(report, "connect", lambda: engine)
    archive = tmp_path / "root.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("etc/motd")
        entry.size = 5000
        tar.addfile(entry, io.BytesIO(b"x" * 5000))
    engine.import_rootfs(archive, PLAIN, [])
    yield PLAIN
    engine.remove_image(PLAIN)


def ask(image: str, *, as_json: bool = False, out: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(image=[image], json=as_json, out=out)


@pytest.mark.engine
def test_an_image_without_an_interpreter_of_ours_gets_its_layers(
    plain: str, console: Console, screen: io.StringIO, tmp_path: Path
) -> None:
    assert run_report(ask(plain, out=str(tmp_path / "out")), console) == 0
    first, layer, files, page = screen.getvalue().splitlines()
    assert first == f"{PLAIN}: 5 kB"
    assert layer.split()[:2] == ["5", "kB"]
    assert "files are not counted" in files
    assert page == f"page: {tmp_path / 'out'}/report.html"
    assert "files are not counted" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.engine
def test_json_is_all_that_a_program_reads(
    plain: str, console: Console, screen: io.StringIO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_report(ask(plain, as_json=True, out=str(tmp_path)), console) == 0
    [weights] = json.loads(screen.getvalue())
    assert weights["groups"] is None
    assert weights["total"] == 5000
    assert capsys.readouterr().err == f"page: {tmp_path}/report.html\n"


@pytest.mark.engine
@pytest.mark.parametrize("out", ["", "file", "file/sub", "/proc/x"])
def test_a_place_that_takes_no_page_is_one_line(
    plain: str, console: Console, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        run_report(ask(plain, out=out), console)
    assert repr(out) in caught.value.message
    assert caught.value.hint


@pytest.mark.engine
@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("image", ["Foo:bar:baz", "", "a b", "no-such-image:1"])
def test_a_name_that_no_image_has_is_one_line(image: str, console: Console) -> None:
    with pytest.raises(UsageError, match=r"no image|no name of an image") as caught:
        run_report(ask(image), console)
    assert repr(image) in caught.value.message
    assert caught.value.hint
