"""What `--with` changes in what is rendered."""

import json
import re

import pytest

from builder import paths
from builder.render import Inputs, read_inputs
from builder.render.image import render_engine
from builder.targets import Catalog, Choice, chosen, load_catalog
from builder.targets.images import ExtraName
from builder.targets.naming import image_tag

CATALOG = load_catalog(paths.TARGETS)
OFFERED = [(name, extra) for name, target in CATALOG.targets.items() for extra in target.engine.extras]


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return read_inputs(paths.ROOT, CATALOG)


def larger(name: str, *extras: ExtraName) -> Catalog:
    return chosen(CATALOG, Choice(name, extras=extras))


def rendered(inputs: Inputs, catalog: Catalog, name: str) -> dict[str, str]:
    image = render_engine(catalog, name, catalog.targets[name], inputs)
    return {path: content.decode() for path, content in image.files.items() if b"\0" not in content}


@pytest.mark.parametrize(("name", "extra"), OFFERED)
def test_an_extra_is_allowed_what_it_weighs_and_no_more(name: str, extra: ExtraName) -> None:
    engine = CATALOG.targets[name].engine
    with_it = larger(name, extra).targets[name].engine
    grown = 0 if extra in engine.includes else engine.extras[extra].adds_mb
    assert with_it.budget.total_mb == engine.budget.total_mb + grown
    assert grown or extra in engine.includes


@pytest.mark.parametrize(("name", "extra"), OFFERED)
def test_an_extra_renders_under_a_tag_of_its_own(inputs: Inputs, name: str, extra: ExtraName) -> None:
    engine = CATALOG.targets[name].engine
    catalog = larger(name, extra)
    tag = image_tag("vllm", catalog.targets[name].engine, name)
    assert tag == image_tag("vllm", engine, name) + ("" if extra in engine.includes else f"-{extra}")
    files = rendered(inputs, catalog, name)
    for layer in re.findall(r"^FROM lean AS (\S+)-shared$", files["Dockerfile"], re.MULTILINE):
        assert f"COPY --link --from={layer}-shared /layers/{layer}/ /" in files["Dockerfile"]


def test_what_is_there_already_changes_nothing() -> None:
    assert larger("sm_90", "cutedsl") == CATALOG


def test_nvcc_comes_with_what_it_calls(inputs: Inputs) -> None:
    files = rendered(inputs, larger("sm_90", "jit"), "sm_90")
    text = files["Dockerfile"]
    assert re.search(r"apt-get install .*\\\n\s+gcc libc6-dev libpython3.11-dev g\+\+ ", text)
    links = "/layers/files/opt/venv/lib/python3.11/site-packages/nvidia/cu13"
    assert f"ln -s lib {links}/lib64" in text
    assert f"ln -s libcudart.so.13 {links}/lib/libcudart.so" in text
    assert 'VLLM_USE_DEEP_GEMM="1"' in text
    assert json.loads(files["checks.json"])["env"]["VLLM_USE_DEEP_GEMM"] == "1"


AMD = [name for name, extra in OFFERED if extra == "multimodal" and CATALOG.targets[name].vendor == "amd"]


@pytest.mark.parametrize("name", AMD)
def test_what_amd_publishes_is_installed_apart_from_the_rest(inputs: Inputs, name: str) -> None:
    files = rendered(inputs, larger(name, "multimodal"), name)
    pins = {layer: files[f"requirements/{layer}.txt"] for layer in ("multimodal", "multimodal-amd", "device")}
    assert re.findall(r"^torch\w+", pins["multimodal-amd"], re.MULTILINE) == ["torchaudio", "torchvision"]
    assert "--hash" in pins["multimodal"]
    assert "torch" not in pins["multimodal"]
    stage = re.search(r"^FROM multimodal AS multimodal-amd$.*?^FROM", files["Dockerfile"], re.M | re.S)
    assert stage
    assert f"--index-url={CATALOG.indexes['amd']}" in stage[0]
    for arch in CATALOG.targets[name].archs:
        assert f"amd-torchvision-device-{arch}==" in pins["device"]


def test_text_alone_takes_nothing_of_it(inputs: Inputs) -> None:
    files = rendered(inputs, CATALOG, "gfx1151")
    assert "torchvision" not in files["requirements/device.txt"]
    assert "multimodal" not in files["Dockerfile"]


def test_only_the_device_layer_differs_within_a_family(inputs: Inputs) -> None:
    one, other = (rendered(inputs, larger(name, "multimodal"), name) for name in ("gfx1151", "gfx1201"))
    layers = [path for path in one if path.startswith("requirements/")]
    assert [path for path in layers if one[path] != other[path]] == ["requirements/device.txt"]


def test_two_extras_add_up() -> None:
    engine = CATALOG.targets["sm_86"].engine
    both = larger("sm_86", "jit", "multimodal").targets["sm_86"].engine
    more = sum(engine.extras[extra].adds_mb for extra in ("jit", "multimodal"))
    assert both.budget.total_mb == engine.budget.total_mb + more
    assert both.includes == ["jit", "multimodal"]
    assert both.links == engine.extras["jit"].links
    assert not engine.links
