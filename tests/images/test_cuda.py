"""The images for NVIDIA's chips, of the real wheels: what they weigh, share and hold. No GPU is needed, but
room for two of them and for what they are made from."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from builder.engine import Engine
from builder.targets import Catalog
from builder.targets.naming import image_tag
from pruner.marker import IN_IMAGE
from tests.driver import driver
from tests.images.conftest import inside, start
from tests.images.room import make_room

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = [pytest.mark.engine, pytest.mark.long]

CHIPS = ("sm_90", "sm_86")
OTHERS = ("sm_75", "sm_80", "sm_89", "sm_100", "sm_103", "sm_120")
LIMIT = 6_000_000_000


@pytest.fixture(scope="module")
def tags(engine: Engine, catalog: Catalog) -> dict[str, str]:
    tags = {}
    for chip in CHIPS:
        make_room(engine)
        done = driver("build", "--target", chip, "--image", "vllm", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        tags[chip] = image_tag("vllm", catalog.targets[chip].engine, chip)
    return tags


@pytest.fixture(scope="module", params=CHIPS)
def chip(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def idle(engine: Engine, tags: dict[str, str], chip: str) -> "Iterator[Container]":
    container = start(engine, tags[chip], "infinity", entrypoint=["sleep"], init=True, network_mode="none")
    yield container
    container.remove(force=True)


def test_it_is_small(engine: Engine, tags: dict[str, str], chip: str) -> None:
    assert engine.sdk.images.get(tags[chip]).attrs["Size"] < LIMIT


def test_its_own_checks_are_in_it(idle: "Container", chip: str) -> None:
    verdict = json.loads(inside(idle, "cat", "/etc/gfxpack/checks.json"))
    assert verdict["archs"] == [chip]
    assert {"starts", "arguments", "compiler", "symbols", "needed", "versions"} <= set(verdict["checks"])


def test_the_marker_speaks_of_this_chip_alone(idle: "Container", chip: str) -> None:
    marker = json.loads(inside(idle, "cat", f"/{IN_IMAGE}"))
    assert [each["chip"] for each in marker["archs"]] == [chip]
    assert marker["after"] < marker["before"] * 0.6
    libraries = [name for name in marker["files"] if name.endswith("libtorch_cuda.so")]
    assert len(libraries) == 1
    size, _ = inside(idle, "stat", "-c", "%s %n", f"/{libraries[0]}").split()
    assert int(size) == marker["files"][libraries[0]]["size"]


def test_records_are_true_of_what_was_pruned(idle: "Container") -> None:
    """Hashes of torch's libraries as pip would compare them."""
    said = inside(
        idle,
        "/opt/venv/bin/python",
        "-c",
        "import base64, hashlib, importlib.metadata as m\n"
        "for file in m.files('torch'):\n"
        "    if file.name.endswith('.so') and file.hash:\n"
        "        path = file.locate()\n"
        "        with open(path, 'rb') as stream:\n"
        "            found = hashlib.file_digest(stream, 'sha256').digest()\n"
        "        value = base64.urlsafe_b64encode(found).rstrip(b'=').decode()\n"
        "        assert (value, path.stat().st_size) == (file.hash.value, file.size), file\n"
        "        print(file)\n",
    )
    assert "libtorch_cuda.so" in said


def test_it_has_a_compiler_and_no_more(idle: "Container") -> None:
    inside(idle, "gcc", "--version")
    found = inside(idle, "sh", "-c", "ls /usr/bin /opt/venv/bin")
    assert not {"nvcc", "g++", "clang", "make", "pip"} & set(found.split())
    assert inside(idle, "find", "/opt", "/usr", "-name", "lto1", "-o", "-name", "nvcc*") == ""


@pytest.mark.parametrize("other", OTHERS)
def test_every_other_chip_has_its_image(
    engine: Engine, catalog: Catalog, tags: dict[str, str], other: str
) -> None:
    """It passes the checks that are in its build. There is no room to keep them all."""
    tag = image_tag("vllm", catalog.targets[other].engine, other)
    make_room(engine)
    try:
        done = driver("build", "--target", other, "--image", "vllm", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert engine.sdk.images.get(tag).attrs["Size"] < LIMIT
        both = report(tag, tags["sm_86"])
        assert both[tag]["shared"] > 1_500_000_000
    finally:
        engine.remove_image(tag)


def report(*tags: str) -> dict[str, dict[str, Any]]:
    done = driver("report", "--json", *tags)
    return {image["tag"]: image for image in json.loads(done.stdout)}


def test_the_second_chip_has_only_its_own_layers(tags: dict[str, str]) -> None:
    """Hopper has kernels in CuTe's Python as well; what lies below them it shares all the same."""
    images = report(*tags.values())
    for image in images.values():
        own = {layer["made_by"] for layer in image["layers"] if not layer["shared_with"]}
        assert own - {"cutedsl"} == {"chip", "files", "checked"}
        assert image["shared"] > 1_500_000_000
        assert image["shared"] + image["own"] == image["total"]


def test_a_second_build_does_nothing(tags: dict[str, str], chip: str) -> None:
    done = driver("build", "--target", chip, "--image", "vllm")
    assert f"{tags[chip]} is up to date" in done.stdout
