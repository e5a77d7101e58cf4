"""What folders of weights tell, and what they do not."""

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.store import Store, weights
from tests.proxy.conftest import CHAT_MANIFEST, describe
from tests.proxy.weights import CONFIG, TEMPLATE, safetensors


def folder(tmp_path: Path, config: object = CONFIG, **files: str | bytes) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name, content in files.items():
        path = tmp_path / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("tensors", "config", "size", "quantization"),
    [
        ({"a": ("BF16", [30_000_000, 45])}, {}, "1.4B", "BF16"),
        ({"a": ("F32", [999])}, {}, "999", "F32"),
        ({"a": ("F16", [7_000_000_000]), "ids": ("I64", [512])}, {}, "7B", "F16"),
        ({"a": ("BF16", [1000]), "b": ("F8_E4M3", [4000])}, {}, "5K", "BF16/F8_E4M3"),
        (
            {"w.qweight": ("I32", [1_000_000]), "w.scales": ("F16", [1000])},
            {"quantization_config": {"quant_method": "awq", "bits": 4}},
            "8M",
            "AWQ-INT4",
        ),
        ({"a": ("F8_E4M3", [10**6])}, {"quantization_config": {"quant_method": "fp8"}}, "1M", "FP8"),
    ],
)
def test_how_many_parameters_of_what_kind(
    tmp_path: Path, tensors: dict[str, Any], config: dict[str, Any], size: str, quantization: str
) -> None:
    told = weights.describe(folder(tmp_path, CONFIG | config, model__safetensors=safetensors(tensors)))
    assert (told["parameter_size"], told["quantization_level"]) == (size, quantization)


@pytest.mark.parametrize(
    ("template", "config", "capabilities"),
    [
        ("", {}, ("completion",)),
        ("{{ messages }}", {}, ("completion",)),
        (TEMPLATE, {}, ("completion", "tools")),
        ("{% if enable_thinking %}{{ tools }}{% endif %}", {}, ("completion", "tools", "thinking")),
        ("{{ messages }}", {"vision_config": {"hidden_size": 4}}, ("completion", "vision")),
        ("", {"architectures": ["XLMRobertaModel"]}, ("embedding",)),
    ],
)
def test_what_it_can_do(
    tmp_path: Path, template: str, config: dict[str, Any], capabilities: tuple[str, ...]
) -> None:
    path = folder(tmp_path, CONFIG | config, tokenizer_config__json=json.dumps({"chat_template": template}))
    assert weights.describe(path)["capabilities"] == capabilities


@pytest.mark.parametrize(
    "files",
    [
        {"chat_template__jinja": TEMPLATE},
        {"chat_template__json": json.dumps({"chat_template": TEMPLATE})},
        {"tokenizer_config__json": json.dumps({"chat_template": TEMPLATE})},
        {
            "tokenizer_config__json": json.dumps(
                {
                    "chat_template": [
                        {"name": "rag", "template": "x"},
                        {"name": "default", "template": TEMPLATE},
                    ]
                }
            )
        },
    ],
)
def test_where_templates_lie(tmp_path: Path, files: dict[str, str]) -> None:
    assert weights.inside(folder(tmp_path, **files), tensors=False).template == TEMPLATE


def test_models_of_several_senses_describe_their_text_apart(tmp_path: Path) -> None:
    config = {
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": {"hidden_size": 2560, "max_position_embeddings": 131072, "num_hidden_layers": 34},
        "vision_config": {"hidden_size": 1152, "image_size": 896, "patch_size": 14, "num_hidden_layers": 27},
    }
    path = folder(tmp_path, config)
    told = weights.describe(path)
    assert (told["context_length"], told["embedding_length"], told["family"]) == (131072, 2560, "gemma3")
    assert weights.inside(path, tensors=False).projector == {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.vision.block_count": 27,
        "clip.vision.embedding_length": 1152,
        "clip.vision.image_size": 896,
        "clip.vision.patch_size": 14,
    }


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        5,
        {"architectures": "x", "model_type": 5, "hidden_size": "8", "num_hidden_layers": True},
        {"architectures": [None], "max_position_embeddings": -1, "text_config": [], "vision_config": 1},
        {"quantization_config": {"bits": 0, "quant_method": None}, "max_position_embeddings": 1e308},
        {"quantization_config": "int4", "hidden_size": None},
        {"architectures": 5},
    ],
)
@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 8,
        b"\x02\0\0\0\0\0\0\0{",
        b"\x02\0\0\0\0\0\0\0[]",
        safetensors({})[:8] + b"{" * 100,
        b'\x0b\0\0\0\0\0\0\0{"a": "b"  ',
        b"\x1a\0\0\0\0\0\0\0" + b'{"a":{"dtype":5,"shape":1}}',
        safetensors({"a": ("F32", [2**40] * 50_000)}),
        safetensors({"a": ("F32", [-5])}),
    ],
)
def test_nonsense_counts_as_not_said(tmp_path: Path, config: object, header: bytes) -> None:
    path = folder(tmp_path, config, model__safetensors=header, tokenizer_config__json="[" * 5000)
    told = weights.describe(path)
    assert (told["parameter_count"], told["context_length"], told["embedding_length"]) == (None, None, None)
    assert weights.inside(path, tensors=True).tensors == ()


def test_what_would_burst_a_manifest_is_not_said(tmp_path: Path) -> None:
    """Anybody can publish such a model, and have it pulled."""
    tensors = safetensors({"a": ("F32", [2**40, 2**40])})
    path = folder(tmp_path, CONFIG | {"model_type": "x" * 1_000_000}, model__safetensors=tensors)
    told = weights.describe(path)
    assert (told["parameter_count"], told["parameter_size"], len(told["family"])) == (None, "", 80)


def test_templates_with_names_that_are_none(tmp_path: Path) -> None:
    named = [{"name": ["default"], "template": "x"}, {"name": "default", "template": TEMPLATE}]
    path = folder(tmp_path, tokenizer_config__json=json.dumps({"chat_template": named}))
    assert weights.inside(path, tensors=False).template == TEMPLATE


def listed(models: Path) -> tuple[str, ...] | None:
    (manifest,) = Store(models).manifests()
    return manifest.capabilities


def test_the_template_says_what_a_manifest_does_not(tmp_path: Path) -> None:
    beside = describe(tmp_path, CHAT_MANIFEST).parent
    assert listed(tmp_path) is None
    folder(beside, chat_template__jinja=TEMPLATE)
    assert listed(tmp_path) == ("completion", "tools")
    describe(tmp_path, CHAT_MANIFEST | {"capabilities": ["completion"]})
    assert listed(tmp_path) == ("completion",)
    describe(tmp_path, CHAT_MANIFEST | {"base": "other"})
    assert listed(tmp_path) is None
