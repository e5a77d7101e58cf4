"""What a folder of weights tells of its model: config.json, the tokenizer's template, the weights' headers.

The files are somebody else's: whatever cannot be read counts as not said."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from proxy.model import Inside, Role, Tensor

_LARGEST_DOCUMENT = 32 * 1024 * 1024
_LARGEST_HEADER = 32 * 1024 * 1024
_LONGEST_WORD = 80
_MOST_PARAMETERS = 2**53

# By the names that model files give them, which differ with their age.
_CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "max_seq_len")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_INFO: Mapping[str, tuple[str, ...]] = {
    "block_count": ("num_hidden_layers", "n_layer", "num_layers"),
    "feed_forward_length": ("intermediate_size", "n_inner", "ffn_dim"),
    "vocab_size": ("vocab_size",),
    "attention.head_count": ("num_attention_heads", "n_head"),
    "attention.head_count_kv": ("num_key_value_heads",),
    "attention.key_length": ("head_dim",),
    "attention.layer_norm_rms_epsilon": ("rms_norm_eps",),
    "attention.layer_norm_epsilon": ("layer_norm_eps", "layer_norm_epsilon"),
    "attention.sliding_window": ("sliding_window",),
    "rope.freq_base": ("rope_theta",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok",),
}
_VISION: Mapping[str, tuple[str, ...]] = {
    "clip.vision.block_count": ("num_hidden_layers", "depth"),
    "clip.vision.embedding_length": ("hidden_size", "embed_dim"),
    "clip.vision.feed_forward_length": ("intermediate_size",),
    "clip.vision.image_size": ("image_size",),
    "clip.vision.patch_size": ("patch_size",),
}
_TALKS = re.compile(r"For(CausalLM|ConditionalGeneration)$|LMHeadModel$")
_TAKES_TOOLS = re.compile(r"\btools\b")
_THINKS = re.compile(r"enable_thinking|reasoning_content|</think>|\breasoning_effort\b")

_Document = Mapping[str, Any]


def inside(folder: Path, *, tensors: bool) -> Inside:
    config = _document(folder / "config.json")
    vision = _mapping(config, "vision_config")
    sees = {"general.architecture": "clip", "clip.has_vision_encoder": True} if vision else {}
    return Inside(
        info=_numbers(_text_config(config), _INFO),
        projector=sees | _numbers(vision, _VISION),
        template=_chat_template(folder),
        tensors=tuple(_tensors(folder)) if tensors else (),
    )


def describe(folder: Path) -> dict[str, Any]:
    """The fields of a manifest that the files speak of."""
    config = _document(folder / "config.json")
    text = _text_config(config)
    role = _role(folder, config)
    count = _parameters(folder, config)
    architecture = _word(config.get("model_type") or text.get("model_type"))
    return {
        "role": role,
        "format": "safetensors",
        "family": architecture,
        "architecture": architecture,
        "parameter_size": _human(count),
        "parameter_count": count or None,
        "quantization_level": _quantization(folder, config),
        "context_length": _context(folder, text),
        "embedding_length": _first(text, _WIDTH),
        "capabilities": _capabilities(folder, config, role) if config else None,
    }


def abilities(folder: Path, role: Role) -> tuple[str, ...] | None:
    """None where no template tells."""
    if role == "chat" and not _chat_template(folder):
        return None
    return _capabilities(folder, _document(folder / "config.json"), role)


def _role(folder: Path, config: _Document) -> Role:
    if (folder / "modules.json").exists() or (folder / "sentence_bert_config.json").exists():
        return "embedding"
    given = config.get("architectures")
    architectures = [_word(name) for name in given] if isinstance(given, list) else []
    return "chat" if not architectures or any(map(_TALKS.search, architectures)) else "embedding"


def _capabilities(folder: Path, config: _Document, role: Role) -> tuple[str, ...]:
    if role == "embedding":
        return ("embedding",)
    template = _chat_template(folder)
    can = {
        "completion": True,
        "tools": bool(_TAKES_TOOLS.search(template)),
        "vision": bool(_mapping(config, "vision_config")),
        "audio": bool(_mapping(config, "audio_config")),
        "thinking": bool(_THINKS.search(template)),
    }
    return tuple(name for name, known in can.items() if known)


def _chat_template(folder: Path) -> str:
    """Where several have names, the one that chats use."""
    alone = _text(folder / "chat_template.jinja")
    if alone:
        return alone
    for file in ("chat_template.json", "tokenizer_config.json"):
        found = _document(folder / file).get("chat_template")
        named = found if isinstance(found, list) else [{"name": "default", "template": found}]
        templates = {str(one.get("name")): one.get("template") for one in named if isinstance(one, dict)}
        template = templates.get("default")
        if isinstance(template, str):
            return template
    return ""


def _context(folder: Path, text: _Document) -> int | None:
    """Sentence-transformers cuts below what the architecture allows."""
    cut = _first(_document(folder / "sentence_bert_config.json"), ("max_seq_length",))
    return cut or _first(text, _CONTEXT)


def _quantization(folder: Path, config: _Document) -> str:
    scheme = _mapping(config, "quantization_config") or _mapping(config, "compression_config")
    method, bits = _word(scheme.get("quant_method")).upper(), scheme.get("bits")
    if method:
        return f"{method}-INT{bits}" if isinstance(bits, int) else method
    return "/".join(sorted({tensor.type for tensor in _tensors(folder) if not tensor.type.startswith("I")}))


def _parameters(folder: Path, config: _Document) -> int:
    """Integers are positions and the like, unless weights are packed into them."""
    bits = _mapping(config, "quantization_config").get("bits")
    packing = 32 // bits if isinstance(bits, int) and 0 < bits <= 32 else 8
    count = 0
    for tensor in _tensors(folder):
        if tensor.type == "I32" and tensor.name.endswith(("qweight", "weight_packed")):
            count += math.prod(tensor.shape) * packing
        elif not tensor.type.startswith("I"):
            count += math.prod(tensor.shape)
    return count if count < _MOST_PARAMETERS else 0


def _human(count: int) -> str:
    for limit, letter in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= limit:
            digits = 1 if limit >= 10**9 else 0
            return f"{count / limit:.{digits}f}".removesuffix(".0") + letter
    return str(count) if count else ""


class _Entry(msgspec.Struct):
    """Of more or longer sides the product alone would take minutes."""

    dtype: Annotated[str, Meta(max_length=16)]
    shape: Annotated[tuple[Annotated[int, Meta(ge=0, le=2**53)], ...], Meta(max_length=16)]


def _tensors(folder: Path) -> Iterator[Tensor]:
    for path in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(path).items():
            yield Tensor(name, entry.dtype, entry.shape)


def _header(path: Path) -> dict[str, _Entry]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            raw = msgspec.json.decode(file.read(length), type=dict[str, msgspec.Raw]) if _sane(length) else {}
        raw.pop("__metadata__", None)
        return {name: msgspec.json.decode(entry, type=_Entry) for name, entry in raw.items()}
    except (OSError, msgspec.DecodeError, ValueError, RecursionError):
        return {}


def _sane(length: int) -> bool:
    return length <= _LARGEST_HEADER


def _numbers(document: _Document, table: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    found = {name: _first_number(document, keys) for name, keys in table.items()}
    return {name: value for name, value in found.items() if value is not None}


def _first_number(document: _Document, keys: tuple[str, ...]) -> float | None:
    values = (document.get(key) for key in keys)
    return next((v for v in values if isinstance(v, int | float) and not isinstance(v, bool)), None)


def _first(document: _Document, keys: tuple[str, ...]) -> int | None:
    number = _first_number(document, keys)
    return int(number) if number and 0 < number < 2**53 else None


def _text_config(config: _Document) -> _Document:
    """Models of several senses describe the part for text apart."""
    return {**config, **_mapping(config, "text_config")}


def _word(value: object) -> str:
    return str(value or "")[:_LONGEST_WORD]


def _mapping(document: _Document, key: str) -> _Document:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _document(path: Path) -> _Document:
    try:
        value = msgspec.json.decode(_bytes(path))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_DOCUMENT + 1)
    except OSError:
        return b""
    return content if len(content) <= _LARGEST_DOCUMENT else b""
