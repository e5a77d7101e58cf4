"""A rehearsal's Dockerfile differs from the real one in its base and its indexes, and in nothing else."""

import difflib
import re
from dataclasses import replace

import pytest

from builder.rehearsal.index import IN_BUILDS
from builder.rehearsal.transform import transform
from builder.render import Inputs
from builder.render.image import render_engine
from builder.requirements import Requirement
from builder.targets import Catalog

EACH_KIND = ("gfx1151", "gfx906", "gfx942", "gfx1100-gfx1201")
PINNED = "f" * 64


def stand_in(pin: Requirement) -> Requirement:
    return replace(pin, hashes=(PINNED,))


def dockerfiles(catalog: Catalog, inputs: Inputs, target: str) -> tuple[str, str]:
    play = transform(catalog, inputs, target, stand_in)
    return dockerfile(catalog, inputs, target), dockerfile(play.catalog, play.inputs, target)


def dockerfile(catalog: Catalog, inputs: Inputs, target: str) -> str:
    image = render_engine(catalog, target, catalog.targets[target], inputs)
    return image.files["Dockerfile"].decode()


def without_what_may_differ(text: str) -> str:
    """The suite and the Python follow from the base, the hashes of the inputs from all of it."""
    for pattern, word in (
        (r"gfxpack/base:\S+?(?=[\"\s])", "BASE"),
        (r"gfxpack-(apt|apt-lists)-(noble|trixie)", r"gfxpack-\1-SUITE"),
        (r"python3\.1[23]", "PYTHON"),
        (r"--index-url=\S+ (--require-hashes )?", "INDEX "),
        (r"[0-9a-f]{64}", "HASH"),
    ):
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("target", EACH_KIND)
def test_base_and_indexes_alone_differ(catalog: Catalog, inputs: Inputs, target: str) -> None:
    real, rehearsed = dockerfiles(catalog, inputs, target)
    assert IN_BUILDS in rehearsed
    assert IN_BUILDS not in real
    one, two = (without_what_may_differ(text).splitlines() for text in (real, rehearsed))
    assert list(difflib.unified_diff(one, two, lineterm="", n=0)) == []


def test_it_is_a_function_of_what_it_gets(catalog: Catalog, inputs: Inputs) -> None:
    assert dockerfiles(catalog, inputs, "gfx1151") == dockerfiles(catalog, inputs, "gfx1151")


def test_no_index_of_upstream_is_left(catalog: Catalog, inputs: Inputs) -> None:
    _, rehearsed = dockerfiles(catalog, inputs, "gfx942")
    assert not [url for url in catalog.indexes.values() if url in rehearsed]


def test_another_stand_in_makes_another_image(catalog: Catalog, inputs: Inputs) -> None:
    def image(digit: str) -> str:
        play = transform(catalog, inputs, "gfx1151", lambda pin: replace(pin, hashes=(digit * 64,)))
        return render_engine(play.catalog, "gfx1151", play.catalog.targets["gfx1151"], play.inputs).inputs

    assert image("a") == image("a") != image("b")
