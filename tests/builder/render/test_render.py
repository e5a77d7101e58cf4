"""What a render promises: the same bytes for the same input, a hash that follows inputs, a safe stack."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import paths
from builder.errors import ConfigError
from builder.render import Bundle, HubModel, Inputs, StackOptions, read_inputs, render
from builder.render.layers import cut
from builder.requirements import parse
from builder.targets import Catalog, ImageSpec, load_catalog

IMAGES = ("vllm", "proxy", "embeddings", "models")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(paths.TARGETS)


@pytest.fixture(scope="module")
def inputs(catalog: Catalog) -> Inputs:
    return read_inputs(paths.ROOT, catalog)


@pytest.fixture(scope="module")
def bundle(catalog: Catalog, inputs: Inputs) -> Bundle:
    return render(catalog, "cpu", inputs, StackOptions())


def compose(catalog: Catalog, inputs: Inputs, options: StackOptions) -> dict[str, Any]:
    text = render(catalog, "cpu", inputs, options).files["compose.yaml"]
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def with_file(inputs: Inputs, room: str, path: str, content: bytes) -> Inputs:
    """The same inputs with one file of a package changed."""
    packages = {**inputs.packages, room: {**inputs.packages[room], path: content}}
    return dataclasses.replace(inputs, packages=packages)


def hashes(bundle: Bundle) -> Mapping[str, str]:
    return {image.name: image.inputs for image in bundle.images}


def test_two_renders_are_byte_identical_whatever_the_surroundings(tmp_path: Path) -> None:
    digests = []
    for number, surroundings in enumerate(
        ({"PYTHONHASHSEED": "1", "TZ": "UTC"}, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LC_ALL": "C"})
    ):
        out = tmp_path / str(number)
        argv = [sys.executable, str(paths.ROOT / "build.py"), "render", "--target", "cpu", "--out", str(out)]
        subprocess.run(argv, check=True, env={**os.environ, **surroundings}, capture_output=True)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        digests.append({path.relative_to(out).as_posix(): path.read_bytes() for path in files})
    assert digests[0] == digests[1]
    assert len(digests[0]) > 20


@pytest.mark.parametrize("image", IMAGES)
def test_a_dockerfile_says_what_made_it_and_carries_the_same_hash_as_label(
    bundle: Bundle, image: str
) -> None:
    text = bundle.files[f"{image}/Dockerfile"].decode()
    header = re.match(r"# gfxpack [\d.]+, image (\w+), by .*\n# inputs sha256:([0-9a-f]{64})\n", text)
    assert header
    assert header[1] == image
    assert header[2] == bundle.image(image).inputs


@pytest.mark.parametrize("image", ["vllm", "proxy", "embeddings"])
def test_a_dockerfile_ends_with_its_labels_and_an_ordinary_user(bundle: Bundle, image: str) -> None:
    text = bundle.files[f"{image}/Dockerfile"].decode()
    instructions = [line for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    assert instructions[-1].startswith("LABEL ")
    last_user = next(line for line in reversed(instructions) if line.startswith("USER "))
    assert last_user == "USER 10001:0"
    assert any(line.startswith('ENTRYPOINT ["') for line in instructions)
    assert any(line.startswith("HEALTHCHECK ") for line in instructions)
    for name, value in bundle.image(image).labels.items():
        assert f"{name}={json.dumps(value)}" in text


def test_nothing_rendered_names_a_place_or_needs_a_frontend(bundle: Bundle) -> None:
    for path, content in bundle.files.items():
        text = content.decode()
        assert "syntax=" not in text, path
        assert str(paths.ROOT) not in text, path
        assert "docker.sock" not in text, path
    for image in IMAGES:
        text = bundle.files[f"{image}/Dockerfile"].decode()
        assert "://" not in re.sub(r"http://127\.0\.0\.1", "", text), image


def test_a_change_reaches_the_images_that_it_goes_into_and_no_other(catalog: Catalog, inputs: Inputs) -> None:
    before = hashes(render(catalog, "cpu", inputs, StackOptions()))
    after = hashes(render(catalog, "cpu", with_file(inputs, "proxy", "new.py", b"x = 1\n"), StackOptions()))
    assert {name for name in before if before[name] != after[name]} == {"proxy"}
    after = hashes(render(catalog, "cpu", with_file(inputs, "runner", "new.py", b""), StackOptions()))
    assert {name for name in before if before[name] != after[name]} == {"vllm", "embeddings", "llamacpp"}
    after = hashes(render(catalog, "cpu", with_file(inputs, "pruner", "new.py", b""), StackOptions()))
    assert {name for name in before if before[name] != after[name]} == {"vllm", "embeddings", "proxy"}


def test_the_hash_follows_locks_and_data(catalog: Catalog, inputs: Inputs) -> None:
    before = hashes(render(catalog, "cpu", inputs, StackOptions()))
    shorter = dataclasses.replace(inputs, locks={**inputs.locks, "proxy": inputs.locks["proxy"][:-1]})
    assert hashes(render(catalog, "cpu", shorter, StackOptions()))["proxy"] != before["proxy"]
    engine = catalog.targets["cpu"].engine.model_copy(update={"env": {"OMP_NUM_THREADS": "1"}})
    target = catalog.targets["cpu"].model_copy(update={"engine": engine})
    changed = catalog.model_copy(update={"targets": {"cpu": target}})
    assert hashes(render(changed, "cpu", inputs, StackOptions()))["vllm"] != before["vllm"]


def test_what_editors_and_tools_leave_behind_goes_nowhere(catalog: Catalog, tmp_path: Path) -> None:
    root = tmp_path / ".hidden" / "checkout"
    for room in ("images", "compose", "proxy", "runner", "pruner", "locks"):
        shutil.copytree(paths.ROOT / room, root / room, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    clean = read_inputs(root, catalog)
    for debris in (
        "proxy/.app.py.swp",
        "proxy/app.py~",
        "proxy/app.py.orig",
        "proxy/.#app.py",
        "runner/.mypy_cache/3.11/x.data.json",
        "runner/__pycache__/x.pyc",
        "runner/.venv/lib/x.py",
        "images/vllm/.alias.py.swp",
        "images/vllm/slim/.engine.txt.swp",
        "images/_shared/.python.j2",
        "images/.cache/x.py",
        "compose/.#compose.yaml.j2",
    ):
        path = root / debris
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("debris")
    assert read_inputs(root, catalog) == clean
    assert clean.packages["proxy"]["app.py"]
    assert "compose/compose.yaml.j2" in clean.templates


def test_the_stacks_options_change_no_image(catalog: Catalog, inputs: Inputs) -> None:
    one = render(catalog, "cpu", inputs, StackOptions())
    other = render(catalog, "cpu", inputs, StackOptions(port=8080, model=HubModel("Qwen/Qwen3-0.6B")))
    assert hashes(one) == hashes(other)
    assert {path for path in one.files if one.files[path] != other.files[path]} == {"compose.yaml"}


def test_both_engines_get_the_very_same_torch_layer(bundle: Bundle) -> None:
    torch = bundle.files["vllm/requirements/torch.txt"]
    assert torch == bundle.files["embeddings/requirements/torch.txt"]
    stages = [
        re.search(r"FROM build AS torch\n.*?(?=\nFROM )", bundle.files[f"{image}/Dockerfile"].decode(), re.S)
        for image in ("vllm", "embeddings")
    ]
    assert stages[0] is not None
    assert stages[1] is not None
    assert stages[0][0] == stages[1][0]


@pytest.mark.parametrize("image", ["vllm", "proxy", "embeddings"])
def test_the_layers_hold_each_locked_distribution_once(
    bundle: Bundle, catalog: Catalog, inputs: Inputs, image: str
) -> None:
    spec = catalog.image_spec(image, "cpu")
    assert isinstance(spec, ImageSpec)
    layers = cut(spec, inputs.locks, catalog.indexes)
    found = [requirement for layer in layers for requirement in parse(layer.text)]
    assert sorted(found) == sorted(inputs.locks[spec.lock])
    names = [layer.name for layer in layers]
    order = [*[name for name in spec.layers if name != "engine"], "packages", "engine"]
    assert names == [name for name in order if name in names]
    assert all(f"{image}/{layer.requirements}" in bundle.files for layer in layers)


def test_a_layer_of_something_that_is_not_locked_is_an_error(catalog: Catalog, inputs: Inputs) -> None:
    spec = catalog.images["proxy"].model_copy(update={"layers": {"torch": ["torch"]}})
    with pytest.raises(ConfigError, match=r"locks/proxy.txt does not hold torch"):
        cut(spec, inputs.locks, catalog.indexes)


def test_only_the_proxy_is_published_and_on_the_loopback(catalog: Catalog, inputs: Inputs) -> None:
    stack = compose(catalog, inputs, StackOptions(port=8080))
    published = {name: service["ports"] for name, service in stack["services"].items() if "ports" in service}
    assert published == {"proxy": ["127.0.0.1:8080:11434"]}


@pytest.mark.parametrize("options", [StackOptions(), StackOptions(model=HubModel("Qwen/Qwen3-0.6B"))])
def test_every_service_is_hardened(catalog: Catalog, inputs: Inputs, options: StackOptions) -> None:
    for name, service in compose(catalog, inputs, options)["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["restart"] == "unless-stopped", name
        assert service["pull_policy"] == "never", name
        assert any(mount.startswith("/tmp:") for mount in service["tmpfs"]), name  # noqa: S108
        assert not {"privileged", "network_mode", "ipc", "pid", "devices", "user"} & set(service), name


def test_engines_have_no_way_out_unless_they_fetch_from_a_hub(catalog: Catalog, inputs: Inputs) -> None:
    stack = compose(catalog, inputs, StackOptions())
    assert stack["networks"]["back"] == {"internal": True}
    assert stack["services"]["vllm"]["networks"] == ["back"]
    assert stack["services"]["embeddings"]["networks"] == ["back"]
    fetching = compose(catalog, inputs, StackOptions(model=HubModel("Qwen/Qwen3-0.6B")))
    assert fetching["services"]["vllm"]["networks"] == ["back", "out"]
    assert fetching["services"]["vllm"]["command"][0] == "Qwen/Qwen3-0.6B"
    assert fetching["services"]["embeddings"]["networks"] == ["back"]


def test_the_stack_runs_the_images_that_the_bundle_builds(
    bundle: Bundle, catalog: Catalog, inputs: Inputs
) -> None:
    stack = compose(catalog, inputs, StackOptions())
    tags = {image.tag for image in bundle.images if image.tag}
    by_default = {image.tag for image in bundle.images if image.tag and image.by_default}
    assert {service["image"] for service in stack["services"].values()} == by_default
    baked = json.loads(bundle.files["docker-bake.json"])["target"]
    assert {tag for target in baked.values() for tag in target["tags"]} == tags
    assert all(f"{target['context']}/Dockerfile" in bundle.files for target in baked.values())


def test_the_engine_gets_the_shared_memory_it_needs(catalog: Catalog, inputs: Inputs) -> None:
    service = compose(catalog, inputs, StackOptions())["services"]["vllm"]
    assert service["shm_size"] == "256m"
