"""targets.yaml as people get it wrong: every problem at once, at its line, with what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder import paths
from builder.errors import ConfigError
from builder.targets import Catalog, load_catalog
from builder.targets.schema import SCHEMA_FILE, schema_text

GPU_TARGET: dict[str, Any] = {
    "title": "Strix Halo",
    "vendor": "amd",
    "family": "any",
    "archs": ["gfx1151"],
    "hardware": ["Radeon 8060S"],
    "support": "upstream",
    "rocm": {
        "version": "10.0.0",
        "rccl": True,
        "min_kernel": "6.18.4",
    },
    "gaps": [{"text": "FP8 is emulated", "link": "https://example.org/1"}],
}


@pytest.fixture
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(paths.TARGETS.read_text(encoding="utf-8"))
    return loaded


def write(folder: Path, document: object) -> Path:
    file = folder / "targets.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    return file


def problems(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_catalog(file)
    assert caught.value.hint
    return list(caught.value.evidence) or [caught.value.message]


def gpu(document: dict[str, Any], **changes: object) -> dict[str, Any]:
    engine = dict(document["targets"]["cpu"]["engine"])
    document["families"]["any"] = {}
    document["targets"]["gfx1151"] = {**GPU_TARGET, "engine": engine, **changes}
    return document


def test_our_own_targets_load() -> None:
    catalog = load_catalog(paths.TARGETS)
    assert catalog.targets["cpu"].archs == []
    assert set(catalog.images) == {"proxy", "embeddings"}


def test_the_schema_file_is_the_models_own() -> None:
    assert (paths.ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_the_shape_carries_a_gpu_target(tmp_path: Path, document: dict[str, Any]) -> None:
    target = load_catalog(write(tmp_path, gpu(document))).targets["gfx1151"]
    assert target.rocm is not None
    assert target.rocm.rccl
    assert target.archs == ["gfx1151"]


def test_one_target_may_name_several_archs(tmp_path: Path, document: dict[str, Any]) -> None:
    catalog = load_catalog(write(tmp_path, gpu(document, archs=["gfx1100", "gfx1201"])))
    assert catalog.targets["gfx1151"].archs == ["gfx1100", "gfx1201"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"archs": []}, "needs at least one arch"),
        ({"archs": ["sm_90"]}, "takes archs that start with gfx"),
        ({"archs": ["gfx11x1"]}, "'gfx11x1' does not have the form"),
        ({"rocm": None}, "key rocm goes with vendor amd"),
        ({"cuda": {"version": "13.0", "min_driver": "580"}}, "key cuda goes with vendor nvidia"),
        ({"family": "gfx115y"}, "there is no family 'gfx115y'; families are"),
        ({"pruning": {"delete": ["*.so"]}}, "pruning.delete: "),
        ({"gaps": [{"text": "broken", "link": "somewhere"}]}, "'somewhere' does not have the form"),
    ],
)
def test_a_gpu_target_that_contradicts_itself(
    tmp_path: Path, document: dict[str, Any], changes: dict[str, object], expected: str
) -> None:
    [problem] = problems(write(tmp_path, gpu(document, **changes)))
    assert expected in problem
    assert "gfx115" in problem


@pytest.mark.parametrize("flag", ["tensor-parallel-size", "pipeline-parallel-size"])
def test_a_target_for_one_gpu_is_not_parted_over_several(
    tmp_path: Path, document: dict[str, Any], flag: str
) -> None:
    document["targets"]["gfx1150"]["engine"]["args"][flag] = 2
    [problem] = problems(write(tmp_path, document))
    assert problem.endswith(f"without rccl only one GPU can be used, and engine.args has {flag}")


def test_all_problems_at_once_each_at_its_own_line(tmp_path: Path) -> None:
    text = paths.TARGETS.read_text(encoding="utf-8")
    broken = (
        text.replace("vendor: none", "vendor: nome")
        .replace("total_mb: 1230", "total: 1230")
        .replace("port: 8000", "port: eight", 1)
    )
    found = problems(write(tmp_path, broken))
    lines = {int(problem.split(":")[1]): problem for problem in found}
    numbered = list(enumerate(broken.splitlines(), 1))
    for needle, expected in [
        ("vendor: nome", "'nome' is not allowed; use 'none', 'amd' or 'nvidia'"),
        ("total: 1230", "unknown key 'total' (did you mean total_mb?)"),
        ("port: eight", "'eight'"),
    ]:
        [line] = [number for number, content in numbered if needle in content]
        assert expected in lines[line] or any(
            expected in problem for problem in found if f":{line}:" in problem
        )
    assert found == sorted(found, key=lambda problem: int(problem.split(":")[1]))


def test_a_version_below_the_security_floor_is_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    document["targets"]["cpu"]["engine"]["version"] = "0.21.3"
    [problem] = problems(write(tmp_path, document))
    assert "0.21.3 is below the security floor 0.22.0" in problem


def test_a_base_that_does_not_exist(tmp_path: Path, document: dict[str, Any]) -> None:
    document["images"]["proxy"]["base"] = "trixie"
    [problem] = problems(write(tmp_path, document))
    assert "images.proxy stands on base 'trixie'; there is bookworm" in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("targets: [unclosed", "not valid YAML"),
        ("a: 1\na: 2\n", "a: the key stands twice"),
        ("", "the file: "),
        ("just words", "the file: "),
        ("\x00", "not valid YAML"),
        (
            "bases: &loop\n  x: *loop\n",
            "targets.yaml:1: not valid YAML: nested too deep, or an alias inside itself",
        ),
        ("[" * 5000, "nested too deep"),
        ("bases: !!python/object:os.system {}\n", "targets.yaml"),
    ],
)
def test_a_file_that_is_no_catalog(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(write(tmp_path, text)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-13-45", "'2026-13-45' is no date"),
        ("!!int abc", "'abc' is no whole number"),
        ("!!int ''", "'' is no whole number"),
        ("!!float x", "'x' is no number"),
        ("!!bool maybe", "'maybe' is no truth value (true or false)"),
        ("!!timestamp x", "'x' is no date"),
        ("1" * 5000, "is no whole number"),
    ],
)
def test_a_value_that_is_not_what_it_says(tmp_path: Path, value: str, expected: str) -> None:
    text = re.sub(r"{date: [\d-]+,", f"{{date: {value},", paths.TARGETS.read_text(encoding="utf-8"), count=1)
    line = text[: text.index("{date: ")].count("\n") + 1
    [problem] = problems(write(tmp_path, text))
    assert re.match(rf"targets.yaml:{line}: (targets|families)\.\w+\.state\.\w+\.date: ", problem)
    assert expected in problem
    assert len(problem) < 200


def test_values_that_are_not_what_they_say_come_all_at_once(tmp_path: Path) -> None:
    found = problems(write(tmp_path, "bases: !!int x\nimages: !!bool y\n"))
    assert [problem.split(": ")[0] for problem in found] == ["targets.yaml:1", "targets.yaml:2"]


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot read targets.yaml" in problems(file)[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot read targets.yaml" in problems(tmp_path / "targets.yaml")[0]


def test_the_catalog_cannot_be_changed_once_read() -> None:
    catalog: Catalog = load_catalog(paths.TARGETS)
    with pytest.raises(ValueError, match="frozen"):
        setattr(catalog.targets["cpu"], "title", "other")  # noqa: B010 - mypy knows that it is read-only
