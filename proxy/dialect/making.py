"""From a request to create a model to what is laid over the one that it is made from."""

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from proxy.dialect.library import CreateRequest
from proxy.dialect.prompts.options import check
from proxy.dialect.prompts.template import Template, TemplateError
from proxy.errors import ApiError
from proxy.model import Manifest, Overlay

_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
# Asked for by these fields, and not done here: weights are served as they are.
_NOT_HERE: Mapping[str, str] = {
    "adapters": "adapters cannot be added here yet: start the engine with them",
    "draft_files": "draft models cannot be added here yet: start the engine with one",
    "quantize": "quantization is not done here: pull a model that is quantized already",
    "quantization": "quantization is not done here: pull a model that is quantized already",
    "draft_quantize": "--draft-quantize requires a DRAFT model",
    "remote_host": "models of other servers cannot be made here",
}
_encode = msgspec.json.Encoder(order="sorted").encode


def digest(text: str) -> str:
    """The bare sixty-four digits."""
    if not _DIGEST.fullmatch(text):
        raise ApiError(400, "invalid digest format")
    return text[len("sha256:") :].lower()


def check_files(asked: CreateRequest) -> None:
    """That what the request says of files could be meant so; Ollama looks at it first."""
    for files in (asked.files, asked.draft_files, asked.adapters):
        for name, value in (files or {}).items():
            if files is not asked.adapters and not _is_inside(name):
                raise ApiError(400, "file path must be relative")
            if not isinstance(value, str):
                raise ApiError(400, "invalid digest format")
            digest(value)


def check_way(asked: CreateRequest) -> None:
    """That a model can be made in the way that is asked for."""
    for name, refusal in _NOT_HERE.items():
        if getattr(asked, name):
            raise ApiError(400, refusal)
    if asked.from_:
        return
    if asked.files is None:
        raise ApiError(400, "neither 'from' or 'files' was specified")
    if not asked.files:
        raise ApiError(400, "no files provided to convert")
    raise ApiError(400, "models cannot be made from files here yet: pull one from a hub, and name it in FROM")


def _is_inside(name: str) -> bool:
    """As Go says of a path that is relative, clean and leads nowhere else."""
    clean = bool(name) and not name.startswith(("/", "../")) and name not in (".", "..")
    return clean and posixpath.normpath(name) == name and "\0" not in name


def overlay(asked: CreateRequest) -> Overlay:
    return Overlay(
        system=asked.system,
        template=_template(asked.template),
        parameters=_parameters(asked.parameters),
        messages=tuple(asked.messages),
        license=_license(asked.license),
        renderer=asked.renderer,
        parser=asked.parser,
        requires=asked.requires,
    )


def _template(text: str) -> str:
    try:
        Template.parse(text)
    except TemplateError as error:
        raise ApiError(400, f"template error: {error}") from None
    return text


def _license(value: object) -> str:
    """One text, or a list of them."""
    texts = [value] if isinstance(value, str) else value
    if value is None:
        return ""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ApiError(400, "license must be a text or a list of texts")
    return "\n".join(texts)


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Some clients write one stop string as a text. `null` is no value."""
    known = {name: value for name, value in given.items() if value is not None}
    if isinstance(known.get("stop"), str):
        known["stop"] = [known["stop"]]
    check(known)
    return known


def made(name: str, parent: Manifest, weights_digest: str, given: Overlay, at: datetime) -> Manifest:
    """`weights_digest` is that of the model whose weights answer."""
    laid = _merged(parent.overlay, given)
    return msgspec.structs.replace(
        parent,
        name=name,
        base=parent.base or parent.name,
        parent=parent.name,
        overlay=laid,
        license=laid.license or parent.license,
        modified_at=at,
        digest=_sha256([weights_digest, laid]),
    )


def _merged(parent: Overlay, given: Overlay) -> Overlay:
    said = {name: value for name, value in msgspec.structs.asdict(given).items() if value}
    return msgspec.structs.replace(parent, **said | {"parameters": parent.parameters | given.parameters})


def layers(manifest: Manifest) -> Iterator[str]:
    """What Ollama would keep each in a file of its own, by its digest."""
    laid = manifest.overlay
    parts = (laid.template, laid.system, laid.parameters, laid.messages, laid.license)
    return (f"sha256:{_sha256(part)}" for part in parts if part)


def _sha256(value: object) -> str:
    return hashlib.sha256(_encode(value)).hexdigest()
