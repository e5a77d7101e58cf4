"""A target is taken by its own name alone; whoever calls it otherwise is told what it is called."""

import pytest

from builder import paths
from builder.errors import UsageError
from builder.targets import Catalog, load_catalog, pick_target


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(paths.TARGETS)


def refused(catalog: Catalog, name: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        pick_target(catalog, name)
    assert caught.value.message.startswith(f"there is no target {name!r}")
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("gfx1150x", "gfx1150"),
        ("GFX1151", "gfx1151"),
        ("gfx_1100", "gfx1100"),
        ("sm86", "sm_86"),
        ("8.6", "sm_86"),
        ("cpx", "cpu"),
    ],
)
def test_a_slip_gets_the_nearest_name_and_the_list(catalog: Catalog, name: str, nearest: str) -> None:
    error = refused(catalog, name)
    assert error.message == f"there is no target {name!r}"
    assert error.hint == f"did you mean {nearest}? known targets: {', '.join(catalog.targets)}"


@pytest.mark.parametrize(
    "name", ["gfx1152", "gfx1030", "gfx908", "sm_87", "sm_121", "gpu", "rocm", "MI100", "RTX 6000", "", "é"]
)
def test_another_chip_is_never_led_to_a_neighbours_target(catalog: Catalog, name: str) -> None:
    assert refused(catalog, name).hint == f"known targets: {', '.join(catalog.targets)}"


@pytest.mark.parametrize(
    "chip", ["gfx1152", "gfx1153", "gfx1103", "gfx1030", "gfx908", "gfx900", "sm_61", "sm_121"]
)
def test_a_chip_that_people_have_and_no_target_is_for_is_refused_with_the_reason(
    catalog: Catalog, chip: str
) -> None:
    assert refused(catalog, chip).message == f"there is no target {chip!r}: {catalog.unserved[chip]}"


def test_no_target_is_called_unserved(catalog: Catalog) -> None:
    assert not set(catalog.unserved) & set(catalog.targets)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Strix Halo", "Strix Halo is gfx1151 (gfx1150 is Strix Point)"),
        ("strix-halo", "Strix Halo is gfx1151 (gfx1150 is Strix Point)"),
        ("strix_point", "Strix Point is gfx1150 (gfx1151 is Strix Halo)"),
        ("gfx1150 (Strix Halo)", "Strix Halo is gfx1151 (gfx1150 is Strix Point)"),
        ("395", "Ryzen AI Max+ 395 is gfx1151 (gfx1150 is Strix Point)"),
        ("MI50", "Instinct MI50 is gfx906"),
        ("RX 7900 XTX", "Radeon RX 7900 XTX is gfx1100 (gfx1101 is Radeon RX 7800 XT)"),
        ("A100", "A100 is sm_80 (sm_86 is RTX 3090, sm_89 is RTX 4090)"),
        ("A10G", "A10 is sm_86 (sm_80 is A100, sm_89 is RTX 4090)"),
        ("T4", "T4 is sm_75"),
    ],
)
def test_a_chip_by_the_name_that_people_know_it_by_is_told_apart_and_never_taken(
    catalog: Catalog, name: str, hint: str
) -> None:
    assert refused(catalog, name).hint == f"{hint}; targets are named by the chip's code"


def test_every_name_of_the_hardware_leads_to_its_own_target(catalog: Catalog) -> None:
    for target, spec in catalog.targets.items():
        for name in spec.hardware:
            for said in (name, name.lower(), name.replace(" ", ""), f"my {name}!"):
                assert f"{name} is {target}" in (refused(catalog, said).hint or ""), said


@pytest.mark.parametrize("name", ["GB200", "GH200", "6000", "XT", "MI300"])
def test_a_name_that_is_not_quite_a_known_one_is_not_taken_for_it(catalog: Catalog, name: str) -> None:
    assert " is " not in (refused(catalog, name).hint or "")
