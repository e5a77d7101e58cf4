"""llama.cpp's image as it is rendered: whose packages, which chip, what is pruned before it is a layer."""

import dataclasses
import json
import re
from itertools import pairwise
from typing import Any

import pytest

from builder import paths
from builder.errors import ConfigError
from builder.render import Inputs, RenderedImage, StackOptions, read_inputs, render
from builder.render.llamacpp import render_llamacpp
from builder.targets import Catalog, load_catalog

GPU = {"gfx1100": "hip", "gfx906": "hip", "gfx1151": "vulkan"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(paths.TARGETS)


@pytest.fixture(scope="module")
def inputs(catalog: Catalog) -> Inputs:
    return read_inputs(paths.ROOT, catalog)


def image(catalog: Catalog, inputs: Inputs, target: str) -> RenderedImage:
    rendered = render_llamacpp(catalog, target, inputs)
    assert rendered
    return rendered


def dockerfile(rendered: RenderedImage) -> str:
    return rendered.files["Dockerfile"].decode()


def instruction(text: str, name: str) -> Any:  # noqa: ANN401 - whatever JSON it holds
    return json.loads(re.findall(rf"^{name} (.+)$", text, re.M)[-1])


@pytest.mark.parametrize("target", ["cpu", *GPU])
def test_every_package_is_asked_for_in_the_version_of_the_lock(
    catalog: Catalog, inputs: Inputs, target: str
) -> None:
    text, pins = dockerfile(image(catalog, inputs, target)), inputs.packages_locks["llamacpp"]
    asked = re.findall(r"--no-install-recommends \\\n +(.+?) \\\n", text)
    named = [word for line in asked for word in line.split() if not word.startswith("/")]
    assert named
    assert all(version == pins[name] for name, _, version in (word.partition("=") for word in named))
    [label] = re.findall(r'gfxpack\.packages="([^"]+)"', text)
    assert sorted(named) == label.split()


def test_the_tag_has_the_version_that_is_locked(catalog: Catalog, inputs: Inputs) -> None:
    newer = {"llamacpp": {**inputs.packages_locks["llamacpp"], "llama.cpp-tools": "1:0.9.1+dfsg-1~a"}}
    changed = dataclasses.replace(inputs, packages_locks=newer)
    assert image(catalog, changed, "cpu").tag == "gfxpack/llamacpp:0.9.1-cpu"
    assert image(catalog, changed, "cpu").inputs != image(catalog, inputs, "cpu").inputs


def test_a_package_that_the_lock_lacks_is_named(catalog: Catalog, inputs: Inputs) -> None:
    shorter = dataclasses.replace(inputs, packages_locks={"llamacpp": {"llama.cpp-tools": "1:1-1"}})
    with pytest.raises(ConfigError, match=r"locks/llamacpp\.txt does not hold libamdhip64-6") as caught:
        render_llamacpp(catalog, "gfx1100", shorter)
    assert "build.py lock --only llamacpp" in (caught.value.hint or "")


@pytest.mark.parametrize("target", [name for name, backend in GPU.items() if backend == "hip"])
def test_code_for_other_chips_is_gone_before_the_step_that_installs_it_ends(
    catalog: Catalog, inputs: Inputs, target: str
) -> None:
    stages = re.split(r"^FROM ", dockerfile(image(catalog, inputs, target)), flags=re.M)
    [step] = [stage for stage in stages if "librocblas4=" in stage and "RUN" in stage]
    assert len(re.findall(r"^RUN ", step, re.M)) == 1
    order = [step.index(part) for part in ("librocblas4=", "--take", f"--arch {target}", "--check")]
    assert all(one < next_one for one, next_one in pairwise(order))


def test_targets_of_one_backend_differ_in_the_chip_alone(catalog: Catalog, inputs: Inputs) -> None:
    texts = [
        dockerfile(image(catalog, inputs, target)).replace(target, "CHIP") for target in ("gfx1100", "gfx906")
    ]
    one, other = (re.sub(r"[0-9a-f]{64}", "", text) for text in texts)
    assert one == other


def test_what_one_chip_has_alone_is_the_last_layer(catalog: Catalog, inputs: Inputs) -> None:
    layers = re.findall(r"^COPY --link --from=(\w+)", dockerfile(image(catalog, inputs, "gfx1100")), re.M)
    assert layers == ["server", "runtime", "files", "chip"]


@pytest.mark.parametrize("target", ["cpu", *GPU])
def test_the_server_batches_and_fetches_nothing(catalog: Catalog, inputs: Inputs, target: str) -> None:
    words = instruction(dockerfile(image(catalog, inputs, target)), "ENTRYPOINT")
    assert words[:5] == ["/opt/venv/bin/python", "-P", "-m", "runner", "llamacpp"]
    assert words[-1] == "--"
    assert {"--cont-batching", "--offline", "--metrics"} < set(words)
    assert int(words[words.index("--parallel") + 1]) > 1
    assert not any("=" in word for word in words), "llama.cpp reads no --name=value"


def test_only_an_image_with_device_code_takes_in_the_pruner(catalog: Catalog, inputs: Inputs) -> None:
    with_pruner = {
        target
        for target in ("cpu", *GPU)
        if any(path.startswith("pruner/") for path in image(catalog, inputs, target).files)
    }
    assert with_pruner == {target for target, backend in GPU.items() if backend == "hip"}


def test_who_bakes_everything_does_not_bake_it(catalog: Catalog, inputs: Inputs) -> None:
    baked = json.loads(render(catalog, "cpu", inputs, StackOptions()).files["docker-bake.json"])
    assert "llamacpp" in baked["target"]
    assert "llamacpp" not in baked["group"]["default"]["targets"]
