"""Every target's rendering: one golden text for each kind, and what must hold of all of them."""

import dataclasses
import os
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from builder import paths
from builder.errors import SourceError
from builder.pipeline import material, unhashed_note
from builder.render import Bundle, StackOptions, read_inputs, render
from builder.sources import Sources
from builder.sources.apt import AptConfiguration
from builder.sources.pip import PipConfiguration
from builder.targets import load_catalog
from tests.fakes.index import FakeIndex, closed_port

GOLDEN = Path(__file__).with_name("golden")
UPDATE = "GFXPACK_UPDATE_GOLDEN" in os.environ
CATALOG = load_catalog(paths.TARGETS)
INPUTS = read_inputs(paths.ROOT, CATALOG)
AMD = [name for name, target in CATALOG.targets.items() if target.vendor == "amd"]
FAMILIES = sorted(
    {
        tuple(name for name in AMD if CATALOG.targets[name].engine.lock == CATALOG.targets[one].engine.lock)
        for one in AMD
    }
)

every_amd_target = pytest.mark.parametrize("name", AMD)


@cache
def bundle(name: str) -> Bundle:
    return render(CATALOG, name, INPUTS, StackOptions())


def dockerfile(name: str) -> str:
    return bundle(name).files["vllm/Dockerfile"].decode()


def stages(text: str) -> dict[str, str]:
    """A Dockerfile's stages by name."""
    parts = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    named = {re.match(r"\S+(?: AS (\S+))?", part): part for part in parts}
    return {found[1] or "final": part for found, part in named.items() if found}


@pytest.mark.parametrize("name", ["gfx1151", "gfx906", "gfx942"])
def test_the_text_is_as_reviewed(name: str) -> None:
    text = re.sub(r"[0-9a-f]{64}", "<hash>", dockerfile(name))
    golden = GOLDEN / f"vllm-{name}.Dockerfile"
    if UPDATE:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CATALOG.targets)
def test_every_target_renders(name: str) -> None:
    files = bundle(name).files
    assert files["vllm/Dockerfile"]
    assert f'gfxpack.target="{name}"' in dockerfile(name)
    assert yaml.safe_load(files["compose.yaml"])["services"].keys() >= {"proxy", "vllm"}


@every_amd_target
def test_the_pruner_is_told_the_targets_chips_and_no_other(name: str) -> None:
    archs = CATALOG.targets[name].archs
    assert f"--arch {' '.join(archs)} --embedded" in stages(dockerfile(name))["chip"]


@every_amd_target
def test_device_wheels_come_last_and_change_nothing_before(name: str) -> None:
    text = dockerfile(name)
    found = stages(text)
    assert found["device"].startswith("tools AS device")
    assert "--index-url=" in found["device"]
    copies = re.findall(r"^COPY --link --from=(\S+)", found["runtime"], re.MULTILINE)
    assert copies[-2:] == ["chip", "files"]
    assert "device" not in copies


@every_amd_target
def test_one_index_alone_is_asked_for_what_is_upstream(name: str) -> None:
    indexes = set(CATALOG.indexes.values())
    for stage in stages(dockerfile(name)).values():
        asked = set(re.findall(r"--index-url=(\S+)", stage))
        assert len(asked) <= 1
        assert asked <= indexes
        assert not asked or "id=pip-alone" in stage
        assert "extra-index-url" not in stage


@pytest.mark.parametrize("names", FAMILIES, ids="+".join)
def test_targets_that_share_a_lock_share_every_stage_but_their_own(names: tuple[str, ...]) -> None:
    own = {"device", "chip", "runtime", "checked", "final"}
    shared = [
        {name: text for name, text in stages(dockerfile(one)).items() if name not in own} for one in names
    ]
    assert all(each == shared[0] for each in shared)
    for one in names:
        files = {path: content for path, content in bundle(one).files.items() if "/requirements/" in path}
        first = bundle(names[0]).files
        assert {path for path in files if files[path] != first[path]} <= {"vllm/requirements/device.txt"}


def test_strix_point_and_strix_halo_differ_in_their_device_wheels_alone() -> None:
    point, halo = (
        bundle(name).files["vllm/requirements/device.txt"].decode() for name in ("gfx1150", "gfx1151")
    )
    assert point != halo
    assert point.replace("gfx1150", "gfx1151") == halo


def test_a_build_says_which_wheels_come_without_a_hash() -> None:
    lock = "vllm-gfx1151"
    bare = tuple(dataclasses.replace(pin, hashes=()) for pin in INPUTS.locks[lock])
    inputs = dataclasses.replace(INPUTS, locks={**INPUTS.locks, lock: bare})
    note = unhashed_note(render(CATALOG, "gfx1151", inputs, StackOptions()).image("vllm"))
    assert note.startswith("gfxpack/vllm:0.33.0-gfx1151: without a hash, ")
    assert "\n" not in note
    assert {pin.name for pin in bare} <= set(note.partition("each: ")[2].partition(";")[0].split(", "))
    assert not unhashed_note(bundle("cpu").image("vllm"))


def test_an_upstream_index_that_is_silent_stops_a_build_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "CACHE", tmp_path / "cache")
    with FakeIndex(tmp_path) as general, closed_port() as silent:
        sources = Sources(PipConfiguration(index=general.url), AptConfiguration())
        with (
            pytest.raises(SourceError, match=r"127\.0\.0\.1:\d+/simple cannot be used: connection refused"),
            material(bundle("gfx1151").image("vllm"), None, "noble", sources, [silent]),
        ):
            pass
