"""Which entries of a region stay for an NVIDIA chip."""

import pytest

from pruner.archs import Ptx, parse_archs
from pruner.formats.base import Match
from pruner.select import nvidia

EXACT, FAMILY, INTERMEDIATE, NONE = Match.EXACT, Match.FAMILY, Match.INTERMEDIATE, Match.NONE
TORCH = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120 compute_120"

CASES = [
    # chip, what the region has, what stays of it, how it serves
    ("sm_90", TORCH, "sm_90", EXACT),
    ("sm_86", TORCH, "sm_86", EXACT),
    ("sm_86", "sm_80 sm_90 compute_80", "sm_80", FAMILY),
    ("sm_89", TORCH, "sm_86", FAMILY),
    ("sm_80", "sm_86 compute_80", "compute_80", INTERMEDIATE),
    ("sm_121", TORCH, "sm_120", FAMILY),
    ("sm_90", "sm_80 compute_80", "compute_80", INTERMEDIATE),
    ("sm_90", "sm_80 compute_75 compute_80 compute_100", "compute_80", INTERMEDIATE),
    ("sm_75", "sm_80 compute_80", "", NONE),
    # an `a` runs nowhere else, an `f` on what comes later in its family
    ("sm_90", "sm_90 sm_90a", "sm_90 sm_90a", EXACT),
    ("sm_90", "sm_90a", "sm_90a", EXACT),
    ("sm_100", "sm_100 sm_100a sm_100f sm_103", "sm_100 sm_100a sm_100f", EXACT),
    ("sm_103", "sm_100a sm_100f", "sm_100f", FAMILY),
    ("sm_103", "sm_100 sm_100a sm_100f", "sm_100 sm_100f", FAMILY),
    ("sm_103", "sm_100f sm_103a", "sm_103a", EXACT),
    ("sm_100", "sm_103f", "", NONE),
    ("sm_120", "sm_100f", "", NONE),
    ("sm_121", "sm_120a compute_120", "compute_120", INTERMEDIATE),
    ("sm_100", "compute_90a compute_80", "compute_80", INTERMEDIATE),
    ("sm_90", "compute_90a compute_80", "compute_90a", INTERMEDIATE),
    ("sm_103", "compute_100f compute_90", "compute_100f", INTERMEDIATE),
    ("sm_120", "compute_100f compute_90", "compute_90", INTERMEDIATE),
    # boards apart from desktop cards
    ("sm_87", "sm_80 sm_86 compute_80", "compute_80", INTERMEDIATE),
    ("sm_87", "sm_80 sm_87", "sm_87", EXACT),
    ("sm_89", "sm_86 sm_87", "sm_86", FAMILY),
    ("sm_89", "sm_87", "", NONE),
    ("sm_72", "sm_70 compute_70", "compute_70", INTERMEDIATE),
    ("sm_103", "sm_101 sm_100", "sm_100", FAMILY),
]  # fmt: skip


def stays(chips: str, region: str, ptx: Ptx = Ptx.NEEDED) -> tuple[str, list[Match]]:
    _, targets = parse_archs(chips.split())
    labels = region.split()
    choice = nvidia.choose([nvidia.read_label(label) for label in labels], targets, ptx)
    assert [chip for chip, _ in choice.serves] == [str(target) for target in targets]
    return " ".join(labels[index] for index in choice.kept), [match for _, match in choice.serves]


@pytest.mark.parametrize(("chip", "region", "kept", "serves"), CASES)
def test_what_stays_for_a_chip(chip: str, region: str, kept: str, serves: Match) -> None:
    assert stays(chip, region) == (kept, [serves])


@pytest.mark.parametrize(
    ("ptx", "region", "kept"),
    [
        (Ptx.NEEDED, "sm_90 compute_80 compute_90 compute_120", "sm_90"),
        (Ptx.ALWAYS, "sm_90 compute_80 compute_90 compute_120", "sm_90 compute_90"),
        (Ptx.NEWEST, "sm_90 compute_80 compute_90 compute_120", "sm_90 compute_120"),
        (Ptx.NEEDED, "sm_80 compute_80 compute_120", "compute_80"),
        (Ptx.ALWAYS, "sm_80 compute_80 compute_120", "compute_80"),
        (Ptx.NEWEST, "sm_80 compute_80 compute_120", "compute_80 compute_120"),
        (Ptx.NEWEST, "sm_90 compute_90 compute_120a compute_120f", "sm_90 compute_90"),
        (Ptx.ALWAYS, "sm_90 compute_120", "sm_90"),
    ],
)
def test_ptx_stays_as_asked(ptx: Ptx, region: str, kept: str) -> None:
    assert stays("sm_90", region, ptx)[0] == kept


def test_several_chips_get_what_each_needs() -> None:
    assert stays("sm_86 sm_90 sm_121", "sm_80 sm_90 sm_100 compute_90") == (
        "sm_80 sm_90 compute_90",
        [FAMILY, EXACT, INTERMEDIATE],
    )


def test_what_no_rule_judges_stays_and_serves_nobody() -> None:
    _, targets = parse_archs(["sm_90"])
    choice = nvidia.choose([nvidia.read_label("sm_80"), None], targets, Ptx.NEEDED)
    assert (choice.kept, choice.serves) == ((1,), (("sm_90", NONE),))


@pytest.mark.parametrize("label", ["", "sm_9", "sm_90x", "sm_090", "compute", "gfx90a", "sm_1000"])
def test_other_words_are_no_label(label: str) -> None:
    assert nvidia.read_label(label) is None
