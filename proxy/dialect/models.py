"""Models in Ollama's words: in the list, on one model's page, and among what is loaded."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from proxy.dialect import names
from proxy.dialect.durations import FOREVER_NS
from proxy.dialect.messages import ShowRequest
from proxy.dialect.modelfile import modelfile, parameter_lines
from proxy.dialect.prompts import insert
from proxy.model import Inside, Model

# Clients build keys from the architecture, so that it must have a name.
_UNKNOWN = "unknown"


def listed(model: Model) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": manifest.modified_at,
        "size": manifest.size,
        "digest": manifest.digest,
        "details": _details(model) | _lengths(model),
        "capabilities": model.capabilities,
    }


def shown(model: Model, inside: Inside, asked: ShowRequest) -> dict[str, Any]:
    """What is empty is left out, but for what clients cannot do without."""
    manifest, overlay = model.manifest, model.manifest.overlay
    system = asked.system or overlay.system
    laid_over = msgspec.structs.replace(overlay, system=system, parameters=overlay.parameters | asked.options)
    texts = {
        "license": manifest.license,
        "modelfile": modelfile(manifest, laid_over),
        "parameters": parameter_lines(overlay.parameters),
        # Clients look for `.Suffix` there before they ask a model to fill in the middle.
        "template": overlay.template or insert.template(manifest) or inside.template,
        "system": system,
        "renderer": overlay.renderer,
        "parser": overlay.parser,
        "messages": [{"role": one.role, "content": one.content} for one in overlay.messages],
        "projector_info": inside.projector,
        "tensors": inside.tensors,
        "requires": overlay.requires,
    }
    return {name: value for name, value in texts.items() if value} | {
        "details": _details(model),
        "model_info": _info(model, inside),
        "capabilities": model.capabilities,
        "modified_at": manifest.modified_at,
    }


def running(model: Model, now: datetime, *, on_gpu: bool) -> dict[str, Any]:
    """What the engine serves stays loaded: it expires as late as Ollama can say. An engine holds a model on
    the GPU as a whole, or not at all."""
    manifest = model.manifest
    expires = now + timedelta(microseconds=FOREVER_NS // 1000)
    return {
        "name": model.name,
        "model": model.name,
        "size": manifest.size,
        "digest": manifest.digest,
        "details": _details(model),
        "expires_at": expires,
        "size_vram": manifest.size if on_gpu else 0,
        "context_length": model.context_length or 0,
    }


def openai_card(model: Model) -> dict[str, Any]:
    created = int(model.manifest.modified_at.timestamp())
    name = names.parse(model.name)
    owner = name.namespace if name else "library"
    card = {"id": model.name, "object": "model", "created": created, "owned_by": owner}
    return card | ({"max_model_len": model.context_length} if model.context_length else {})


def anthropic_card(model: Model) -> dict[str, Any]:
    card = {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": model.manifest.modified_at,
        "lifecycle": "active",
    }
    return card | ({"max_input_tokens": model.context_length} if model.context_length else {})


def _details(model: Model) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "parent_model": manifest.parent,
        "format": manifest.format,
        "family": manifest.family,
        "families": [manifest.family] if manifest.family else [],
        "parameter_size": manifest.parameter_size,
        "quantization_level": manifest.quantization_level,
    }


def _lengths(model: Model) -> dict[str, int]:
    lengths = {
        "context_length": model.context_length,
        "embedding_length": model.manifest.embedding_length,
    }
    return {name: length for name, length in lengths.items() if length}


def _info(model: Model, inside: Inside) -> dict[str, Any]:
    manifest = model.manifest
    architecture = manifest.architecture or manifest.family or _UNKNOWN
    name = names.parse(model.name)
    info = {
        "general.architecture": architecture,
        "general.basename": name.model if name else model.name,
        "general.parameter_count": manifest.parameter_count,
        # Its name, as in the files of models; a whole text has a field of its own.
        "general.license": (manifest.license if "\n" not in manifest.license else "") or None,
    }
    info |= {f"{architecture}.{name}": value for name, value in {**inside.info, **_lengths(model)}.items()}
    return {name: value for name, value in info.items() if value is not None}
