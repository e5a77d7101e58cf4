"""Which entries of a bundle stay for an AMD chip."""

import pytest

from pruner.archs import parse_archs
from pruner.formats.base import Match
from pruner.select import amd

EXACT, GENERIC, INTERMEDIATE, NONE = Match.EXACT, Match.GENERIC, Match.INTERMEDIATE, Match.NONE

CASES = [
    # chips, what the bundle has, what stays, how it serves
    ("gfx1151", "gfx906 gfx1100 gfx1151", "gfx1151", [EXACT]),
    ("gfx1151", "gfx1151 gfx11-generic amdgcnspirv", "gfx1151", [EXACT]),
    ("gfx1151", "gfx1100 gfx11-generic amdgcnspirv", "gfx11-generic", [GENERIC]),
    ("gfx1151", "gfx1100 gfx12-generic amdgcnspirv", "amdgcnspirv", [INTERMEDIATE]),
    ("gfx1151", "gfx1100 gfx1150 gfx115", "", [NONE]),
    ("gfx1151=gfx1100", "gfx1100 gfx1151", "gfx1100", [EXACT]),
    ("gfx11-generic", "gfx1100 gfx11-generic", "gfx11-generic", [EXACT]),
    ("gfx900", "gfx906 gfx90a gfx900", "gfx900", [EXACT]),
    ("gfx90a", "gfx9-generic gfx9-4-generic", "", [NONE]),
    ("gfx90c", "gfx9-generic gfx9-4-generic", "gfx9-generic", [GENERIC]),
    ("gfx950", "gfx9-generic gfx9-4-generic", "gfx9-4-generic", [GENERIC]),
    ("gfx1013", "gfx10-1-generic gfx10-3-generic", "gfx10-1-generic", [GENERIC]),
    ("gfx1036", "gfx10-1-generic gfx10-3-generic", "gfx10-3-generic", [GENERIC]),
    ("gfx1201", "gfx11-generic gfx12-generic", "gfx12-generic", [GENERIC]),
    ("gfx90a", "gfx90a gfx90a:xnack+ gfx90a:sramecc+", "gfx90a gfx90a:xnack+ gfx90a:sramecc+", [EXACT]),
    ("gfx90a:xnack-", "gfx90a gfx90a:xnack+ gfx90a:sramecc+", "gfx90a gfx90a:sramecc+", [EXACT]),
    ("gfx90a:sramecc-", "gfx90a:sramecc+:xnack- gfx90a:xnack-", "gfx90a:xnack-", [EXACT]),
    ("gfx90a:xnack-", "gfx90a:xnack+", "", [NONE]),
    ("gfx942:xnack-", "gfx942:xnack+ gfx9-4-generic:xnack-", "gfx9-4-generic:xnack-", [GENERIC]),
    ("gfx1036 gfx1100", "gfx1030 gfx10-3-generic gfx1100", "gfx10-3-generic gfx1100", [GENERIC, EXACT]),
    ("gfx1100 gfx1151", "gfx1100 gfx11-generic", "gfx1100 gfx11-generic", [EXACT, GENERIC]),
    ("gfx1100 gfx906", "gfx1100", "gfx1100", [EXACT, NONE]),
]  # fmt: skip


@pytest.mark.parametrize(("chips", "bundle", "stays", "serves"), CASES)
def test_what_stays_for_a_chip(chips: str, bundle: str, stays: str, serves: list[Match]) -> None:
    targets, _ = parse_archs(chips.split())
    labels = bundle.split()
    choice = amd.choose([amd.read_label(label) for label in labels], targets)
    assert [labels[index] for index in choice.kept] == stays.split()
    assert choice.serves == tuple(zip(map(str, targets), serves, strict=True))


def test_what_no_rule_judges_stays_and_serves_nobody() -> None:
    targets, _ = parse_archs(["gfx1100"])
    choice = amd.choose([None, amd.read_label("gfx906"), None], targets)
    assert choice.kept == (0, 2)
    assert choice.serves == (("gfx1100", NONE),)


@pytest.mark.parametrize(
    ("label", "processor", "features"),
    [
        ("gfx90a", "gfx90a", ()),
        ("gfx90a:xnack+", "gfx90a", (("xnack", "+"),)),
        ("gfx90a-xnack-", "gfx90a", (("xnack", "-"),)),
        ("gfx942:xnack-:sramecc+", "gfx942", (("sramecc", "+"), ("xnack", "-"))),
        ("gfx9-4-generic", "gfx9-4-generic", ()),
        ("gfx9-4-generic-xnack+", "gfx9-4-generic", (("xnack", "+"),)),
        ("amdgcnspirv", "amdgcnspirv", ()),
    ],
)
def test_a_label_is_read_as_bundles_and_file_names_write_it(
    label: str, processor: str, features: tuple[tuple[str, str], ...]
) -> None:
    assert amd.read_label(label) == amd.Code(processor, features)


@pytest.mark.parametrize(
    "label", ["", "gfx", "gfx11-", "gfx1100:", "gfx90a:fast+", "gfx90a_extra", "host", "sm_90"]
)
def test_other_words_are_no_label(label: str) -> None:
    assert amd.read_label(label) is None
