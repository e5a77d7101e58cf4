"""What clients send to make, copy, fetch and remove models."""

from typing import Any

from msgspec import field

from proxy.dialect.bodies.decoding import Body
from proxy.dialect.messages import Message


class CopyRequest(Body):
    source: str = ""
    destination: str = ""


class _Named(Body):
    """`name` is what older clients say."""

    model: str = ""
    name: str = ""

    @property
    def meant(self) -> str:
        return self.model or self.name


class DeleteRequest(_Named):
    pass


class PullRequest(_Named):
    stream: bool = True


class PushRequest(_Named):
    stream: bool = True


class CreateRequest(_Named):
    stream: bool = True
    from_: str = field(default="", name="from")
    files: dict[str, Any] | None = None
    adapters: dict[str, Any] | None = None
    draft_files: dict[str, Any] | None = None
    quantize: str = ""
    quantization: str = ""
    draft_quantize: str = ""
    remote_host: str = ""
    template: str = ""
    system: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    license: Any = None
    renderer: str = ""
    parser: str = ""
    requires: str = ""
