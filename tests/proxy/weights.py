"""A folder of a model as hubs have it, small enough for tests."""

import json
import struct
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "vocab_size": 32,
}
TEMPLATE = "{% if tools %}{{ tools }}{% endif %}{{ messages }}"


def safetensors(tensors: dict[str, tuple[str, list[int]]], size: int = 0) -> bytes:
    """Of so many bytes after its header."""
    header = {name: {"dtype": kind, "shape": shape} for name, (kind, shape) in tensors.items()}
    told = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(told)) + told + bytes(range(256)) * (size // 256)


def publish(folder: Path, size: int = 1024 * 1024, **config: object) -> Path:
    """Returns the folder, with more in it than a model needs."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "LICENSE").write_text("Do what you like.\nAll of it.")
    weights = {"a.weight": ("BF16", [32, 8]), "b.weight": ("BF16", [2000, 1000])}
    (folder / "model.safetensors").write_bytes(safetensors(weights, size))
    for name in (
        "pytorch_model.bin",
        "onnx/model.onnx",
        "model.gguf",
        "README.md",
        ".gitattributes",
        "run.py",
    ):
        (folder / name).write_text("not needed")
    return folder
