"""The `llamacpp` keys of targets.yaml, as people get them wrong."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from builder import paths
from builder.targets import Catalog, load_catalog


@pytest.fixture
def document() -> dict[str, Any]:
    """Our own, with the one target that needs no family."""
    loaded = load_catalog(paths.TARGETS).model_dump(mode="json", exclude={"targets"}, exclude_unset=True)
    cpu = load_catalog(paths.TARGETS).targets["cpu"].model_dump(mode="json", exclude_unset=True)
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump({**loaded, "targets": {"cpu": cpu}}))
    return document


def complaint(document: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Catalog.model_validate(document)
    return str(caught.value)


def test_our_own_loads(document: dict[str, Any]) -> None:
    image = Catalog.model_validate(document).llamacpp_image("cpu")
    assert image
    assert (list(image.layers), image.device) == (["server"], None)


def test_a_backend_that_is_not_there(document: dict[str, Any]) -> None:
    document["targets"]["cpu"]["llamacpp"] = {"backend": "cuda"}
    assert "targets.cpu.llamacpp: backend 'cuda' is not known; there is cpu, hip" in complaint(document)


def test_a_chip_that_the_packages_have_no_code_for() -> None:
    """gfx1151 is the one that many believe to be served."""
    catalog = load_catalog(paths.TARGETS)
    gfx1151 = catalog.targets["gfx1151"]
    assert gfx1151.llamacpp
    hip = gfx1151.llamacpp.model_copy(update={"backend": "hip"})
    wrong = catalog.model_copy(update={"targets": {"x": gfx1151.model_copy(update={"llamacpp": hip})}})
    with pytest.raises(ValueError, match="backend hip have no code for gfx1151, only for gfx803"):
        wrong.llamacpp_image("x")


def test_device_packages_without_their_chips(document: dict[str, Any]) -> None:
    document["llamacpp"]["backends"]["hip"]["archs"] = []
    assert "device and archs go together" in complaint(document)


def test_a_base_that_is_not_there(document: dict[str, Any]) -> None:
    document["llamacpp"]["base"] = "sid"
    assert "llamacpp stands on base 'sid'; there is bookworm" in complaint(document)


def test_a_target_without_the_entry_that_says_what_it_is_made_of(document: dict[str, Any]) -> None:
    del document["llamacpp"]
    assert "targets.cpu.llamacpp: there is no entry llamacpp" in complaint(document)


def test_a_target_says_more_than_its_backend_does() -> None:
    catalog = load_catalog(paths.TARGETS)
    choice = catalog.targets["cpu"].llamacpp
    assert choice
    own = choice.model_copy(update={"args": {"parallel": 2}, "env": {"A": "b"}})
    targets = {"cpu": catalog.targets["cpu"].model_copy(update={"llamacpp": own})}
    image = catalog.model_copy(update={"targets": targets}).llamacpp_image("cpu")
    assert image
    assert (image.args["parallel"], image.args["metrics"], image.env) == (2, True, {"A": "b"})


def test_every_package_that_an_image_names_is_in_the_lock_s_list() -> None:
    catalog = load_catalog(paths.TARGETS)
    assert catalog.llamacpp
    images = [catalog.llamacpp_image(target) for target in catalog.targets]
    named = {name for image in images if image for names in image.layers.values() for name in names}
    assert named <= set(catalog.llamacpp.packages)
