"""The report's arithmetic and its page: areas, shared layers, budgets, names that want escaping."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
