"""The source route: what is compiled, from what, and what makes it be compiled again."""

import os
import re
from pathlib import Path

import pytest

from builder import paths
from builder.render import Inputs, read_inputs
from builder.render.image import render_engine
from builder.render.layers import cut, tools
from builder.targets import Catalog, Choice, chosen, load_catalog
from builder.targets.choose import with_engine
from builder.targets.images import EngineSpec, Patch

TARGET = "gfx906"
NVIDIA = "sm_90"
GOLDEN = Path(__file__).with_name("golden") / "vllm-sm_90-source.Dockerfile"
PATCH = Patch(file="wide.patch", reason="a chip has 64 lanes", link="https://example.org/7")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(paths.TARGETS)


@pytest.fixture(scope="module")
def inputs(catalog: Catalog) -> Inputs:
    return read_inputs(paths.ROOT, catalog)


def dockerfile(catalog: Catalog, inputs: Inputs, target: str = TARGET) -> str:
    image = render_engine(catalog, target, catalog.targets[target], inputs)
    return image.files["Dockerfile"].decode()


def stage(text: str, name: str) -> str:
    found = re.search(rf"^FROM \S+ AS {name}$.*?(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no stage {name}"
    return found[0]


def test_vllm_is_what_the_build_makes_and_nothing_that_is_fetched(catalog: Catalog, inputs: Inputs) -> None:
    engine = catalog.targets[TARGET].engine
    layers = {layer.name: layer for layer in cut(engine, inputs.locks, catalog.indexes)}
    assert engine.source is not None
    assert [str(pin) for pin in layers["engine"].members] == [f"vllm=={engine.source.version}"]
    assert layers["engine"].built
    assert not [layer for layer in layers.values() if layer.built and layer.index]
    assert "--no-index" in stage(dockerfile(catalog, inputs), "engine")


def test_what_compiles_comes_from_one_place_at_a_time_and_is_in_no_image(
    catalog: Catalog, inputs: Inputs
) -> None:
    engine = catalog.targets[TARGET].engine
    found = {layer.name: layer for layer in tools(engine, inputs.locks, catalog.indexes)}
    assert {pin.name for pin in found["build-amd-nightly"].members} == {"rocm-sdk-devel"}
    assert found["build-tools"].index is None
    text = dockerfile(catalog, inputs)
    assert "--from=build-" not in stage(text, "runtime")
    assert "--from=compilers" not in text


def test_a_locked_vllm_gives_way_to_the_compiled_one(catalog: Catalog, inputs: Inputs) -> None:
    """One lock serves both routes."""
    engine = chosen(catalog, Choice("gfx1151", route="source")).targets["gfx1151"].engine
    assert any(pin.name == "vllm" for pin in inputs.locks[engine.lock])
    held = [pin for layer in cut(engine, inputs.locks, catalog.indexes) for pin in layer.members]
    assert len([pin for pin in held if pin.name == "vllm"]) == 1


def test_kernels_are_made_of_what_they_are_compiled_from_alone(catalog: Catalog, inputs: Inputs) -> None:
    copied = re.findall(r"/src/(\S+)", stage(dockerfile(catalog, inputs), "kernels"))
    assert {path for path in copied if path.startswith("vllm")} == {"vllm/__init__.py", "vllm/envs.py"}
    assert "csrc/" in copied


def test_each_target_has_a_compiler_cache_of_its_own(catalog: Catalog, inputs: Inputs) -> None:
    other = chosen(catalog, Choice("gfx1151", route="source"))
    caches = {
        found[0]
        for text in (dockerfile(catalog, inputs), dockerfile(other, inputs, "gfx1151"))
        for found in re.finditer(r"id=gfxpack-ccache-\S+?(?=,)", text)
    }
    assert caches == {"id=gfxpack-ccache-gfx906", "id=gfxpack-ccache-gfx1151"}


def test_the_chip_alone_is_compiled_for(catalog: Catalog, inputs: Inputs) -> None:
    assert 'PYTORCH_ROCM_ARCH="gfx906"' in dockerfile(catalog, inputs)


def test_a_patch_stands_with_its_reason(catalog: Catalog, inputs: Inputs) -> None:
    text = stage(dockerfile(with_source(catalog, patches=[PATCH]), inputs), "patched")
    assert f"# {PATCH.reason}: {PATCH.link}\nRUN" in text
    assert "git apply --verbose /build/wide.patch" in text


def test_nvidia_s_chips_are_named_as_torch_has_them(catalog: Catalog, inputs: Inputs) -> None:
    whole = catalog.targets[TARGET].model_copy(
        update={"vendor": "nvidia", "archs": ["sm_90a", "sm_120", "sm_86"]}
    )
    changed = catalog.model_copy(update={"targets": {**catalog.targets, TARGET: whole}})
    assert 'TORCH_CUDA_ARCH_LIST="9.0a 12.0 8.6"' in dockerfile(changed, inputs)


@pytest.fixture(scope="module")
def compiled_for_nvidia(catalog: Catalog) -> Catalog:
    return chosen(catalog, Choice(NVIDIA, route="source"))


def test_the_text_for_nvidia_is_as_reviewed(compiled_for_nvidia: Catalog, inputs: Inputs) -> None:
    text = re.sub(r"[0-9a-f]{64}", "<hash>", dockerfile(compiled_for_nvidia, inputs, NVIDIA))
    if "GFXPACK_UPDATE_GOLDEN" in os.environ:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_chip_of_nvidias_has_a_source_route(catalog: Catalog, inputs: Inputs) -> None:
    for name, target in catalog.targets.items():
        if target.vendor == "nvidia":
            text = dockerfile(chosen(catalog, Choice(name, route="source")), inputs, name)
            digits = target.archs[0].removeprefix("sm_")
            assert f'TORCH_CUDA_ARCH_LIST="{digits[:-1]}.{digits[-1]}"' in text


def test_nvcc_is_of_the_cuda_that_torch_is_for_and_in_no_image(
    compiled_for_nvidia: Catalog, inputs: Inputs
) -> None:
    target = compiled_for_nvidia.targets[NVIDIA]
    assert target.cuda
    assert target.engine.source
    assert target.engine.source.lock
    tools_of = {pin.name: pin for pin in inputs.locks[target.engine.source.lock]}
    for name in ("nvidia-cuda-nvcc", "nvidia-cuda-crt", "nvidia-nvvm", "nvidia-cuda-cccl"):
        assert tools_of[name].version.startswith(f"{target.cuda.version}."), name
    held = cut(target.engine, inputs.locks, compiled_for_nvidia.indexes)
    assert not {"nvidia-cuda-nvcc", "nvidia-nvvm"} & {pin.name for layer in held for pin in layer.members}


def test_what_upstreams_wheel_holds_in_vain_is_not_looked_for_in_a_compiled_one(
    catalog: Catalog, compiled_for_nvidia: Catalog, inputs: Inputs
) -> None:
    assert "/build/slim/engine.txt" in dockerfile(catalog, inputs, NVIDIA)
    text = dockerfile(compiled_for_nvidia, inputs, NVIDIA)
    assert "/build/slim/engine.txt" not in text
    assert "chip.txt" not in text
    assert "chip.txt" in dockerfile(catalog, inputs), "what torch holds in vain is"


def with_source(catalog: Catalog, **changes: object) -> Catalog:
    engine: EngineSpec = catalog.targets[TARGET].engine
    assert engine.source is not None
    return with_engine(
        catalog, TARGET, engine.model_copy(update={"source": engine.source.model_copy(update=changes)})
    )
