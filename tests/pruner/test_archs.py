"""How chips are named on a command line."""

import pytest

from pruner.archs import Gfx, Sm, parse_archs
from pruner.errors import PrunerError

XNACK_OFF = (("xnack", "-"),)


@pytest.mark.parametrize(
    ("text", "chip"),
    [
        ("gfx1151", Gfx("gfx1151")),
        ("gfx90a", Gfx("gfx90a")),
        ("gfx90a:xnack-", Gfx("gfx90a", XNACK_OFF)),
        ("gfx90a:sramecc+:xnack-", Gfx("gfx90a", (("sramecc", "+"), *XNACK_OFF))),
        ("gfx11-generic", Gfx("gfx11-generic")),
        ("gfx9-4-generic:xnack-", Gfx("gfx9-4-generic", XNACK_OFF)),
        ("gfx1151=gfx1100", Gfx("gfx1100", chip="gfx1151")),
        ("gfx90c=gfx900:xnack-", Gfx("gfx900", XNACK_OFF, "gfx90c")),
        ("gfx1250", Gfx("gfx1250")),
    ],
)
def test_amd_chips(text: str, chip: Gfx) -> None:
    assert parse_archs([text]) == ((chip,), ())
    assert str(chip) == text


@pytest.mark.parametrize(
    ("text", "number"), [("sm_90", 90), ("sm_90a", 90), ("sm_100f", 100), ("sm_121", 121)]
)
def test_nvidia_chips(text: str, number: int) -> None:
    assert parse_archs([text]) == ((), (Sm(number),))


def test_chips_of_both_vendors_in_their_order_and_each_once() -> None:
    texts = [
        "sm_90",
        "gfx1151",
        "sm_86",
        "gfx90a:xnack-:sramecc+",
        "gfx90a:sramecc+:xnack-",
        "sm_90a",
        "gfx1151=gfx1151",
    ]
    gfx, sm = parse_archs(texts)
    assert [str(chip) for chip in gfx] == ["gfx1151", "gfx90a:sramecc+:xnack-"]
    assert sm == (Sm(90), Sm(86))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sm90", "sm_90"),
        ("sm-90", "sm_90"),
        ("SM_90", "sm_90"),
        ("sm_9", "sm_90"),
        ("9.0", "sm_90"),
        ("90", "sm_90"),
        ("compute_90a", "sm_90a"),
        ("1151", "gfx1151"),
        ("GFX1151", "gfx1151"),
        ("GFX90A:XNACK-", "gfx90a:xnack-"),
        ("gfx11generic", "gfx11-generic"),
        ("gfx9-4-genric", "gfx9-4-generic"),
        ("gfx1151=GFX1100", "gfx1100"),
        ("1151=gfx1100", "gfx1151"),
    ],
)
def test_a_slip_is_understood(text: str, hint: str) -> None:
    with pytest.raises(PrunerError) as caught:
        parse_archs([text])
    assert repr(text) in caught.value.message
    assert caught.value.hint == f"did you mean {hint}?"


@pytest.mark.parametrize(
    "text",
    ["", "gfx", "gfx1", "gpu", "rtx 4090", "gfx1151,gfx1100", "sm_90,sm_86", "gfx1151=", "=gfx1100",
     "gfx1151=sm_90", "gfx1=gfx1100", "GFX906:\n",
     "a=b=c", "gfx1100\n", "sm_90\0", "sm_٩٠", "gfx-generic", ":xnack+", "x" * 5000],
)  # fmt: skip
def test_other_words_are_no_chip(text: str) -> None:
    with pytest.raises(PrunerError) as caught:
        parse_archs(["gfx1100", text])
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200
    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["gfx90a:fast+", "gfx90a:xnack", "gfx90a:", "gfx90a:xnack*", "gfx90a:+", "gfx90a:gfx906"]
)
def test_an_unknown_feature_is_named(text: str) -> None:
    with pytest.raises(PrunerError, match="no feature") as caught:
        parse_archs([text])
    assert caught.value.hint == "features are sramecc+ sramecc- xnack+ xnack-"


def test_a_feature_cannot_be_both_on_and_off() -> None:
    with pytest.raises(PrunerError, match="both on and off"):
        parse_archs(["gfx90a:xnack+:xnack-"])


def test_no_chip_at_all() -> None:
    with pytest.raises(PrunerError, match="no chip") as caught:
        parse_archs([])
    assert "gfx1151" in caught.value.hint
