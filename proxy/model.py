"""One model, as the routes and the dialect see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from proxy.dialect import names
from proxy.dialect.messages import Message

Role = Literal["chat", "embedding"]

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

# Asked for where neither the server nor the manifest tells the context.
_FALLBACK_CONTEXT = 2048


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """What a Modelfile lays over the model that it is made from. Requests win over it."""

    system: str = ""
    template: str = ""
    parameters: dict[str, Any] = {}
    messages: tuple[Message, ...] = ()
    license: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one model. `capabilities` is None where the manifest does not say. `base` is the
    name of the model whose weights answer for it, where it has none of its own; `parent` is the one that it
    was made from."""

    name: str
    role: Role
    digest: _Digest
    modified_at: _Moment
    size: _Count = 0
    format: str = ""
    family: str = ""
    architecture: str = ""
    parameter_size: str = ""
    parameter_count: _Count | None = None
    quantization_level: str = ""
    context_length: _Count | None = None
    embedding_length: _Count | None = None
    license: str = ""
    source: str = ""
    base: str = ""
    parent: str = ""
    overlay: Overlay = Overlay()
    capabilities: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Inside:
    """What the files of the weights tell beyond the manifest. The keys of `info` stand after the name of the
    architecture; those of `projector` are whole. `template` is the engine's own, in Jinja's language."""

    info: Mapping[str, Any] = field(default_factory=dict)
    projector: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    tensors: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """`served` is its name at the server. `context_length` is what is served where that is known.
    `capabilities` is what to show; `certain` says whether it is known, or just guessed from the role.
    `owner` is the program that serves it, as far as its server says so."""

    manifest: Manifest
    served: str
    context_length: int | None
    capabilities: tuple[str, ...]
    certain: bool
    owner: str = ""

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def role(self) -> Role:
        return self.manifest.role

    @property
    def context(self) -> int:
        return self.context_length or _FALLBACK_CONTEXT

    @property
    def full_name(self) -> str:
        name = names.parse(self.name)
        return name.full if name else self.name

    def can(self, capability: str) -> bool | None:
        """None where nobody knows."""
        return capability in self.capabilities if self.certain else None
