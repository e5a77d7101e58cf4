"""What a person may choose about a stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from builder.targets.naming import DEFAULT_STACK


@dataclass(frozen=True)
class HubModel:
    """A model that the engine fetches itself, and what it needs to reach its hub from here."""

    name: str
    environment: Path | None = None
    """A file of settings for the engine: they may hold passwords, so they are not in the bundle."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files of this machine that the engine reads, by the name they get below /run/secrets."""


@dataclass(frozen=True)
class EmbeddingsServer:
    """A server of the person's own, in place of the stack's."""

    url: str
    certificate: Path | None = None
    """Whom to trust, where that is not the usual."""


@dataclass(frozen=True)
class KeysFile:
    """API keys, one of which every caller needs."""

    path: Path
    version: str
    """Differs once the file was changed, so that the proxy starts again and reads it."""


Service: TypeAlias = Literal["infinity", "vllm"]
"""What a stack can run for embeddings: Infinity on the processor, or the target's own vLLM."""
Embeddings: TypeAlias = Service | EmbeddingsServer


@dataclass(frozen=True)
class StackOptions:
    name: str = DEFAULT_STACK
    port: int = 11434
    model: HubModel | None = None
    """None serves the model that came out of a package registry."""
    embeddings: Embeddings = "infinity"
    gpus: int = 1
    """How many the chat engine's model is parted over; a target without GPUs takes none anyway."""
    address: str = "127.0.0.1"
    """Of this machine, where the stack listens."""
    keys: KeysFile | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Files of this machine that services read, by the name they get below /run/secrets."""
        hub = dict(self.model.files) if self.model else {}
        server = self.embeddings if isinstance(self.embeddings, EmbeddingsServer) else None
        trusted = {"ca": server.certificate} if server and server.certificate else {}
        return hub | trusted | ({"api_keys": self.keys.path} if self.keys else {})

    @property
    def place(self) -> str:
        """The address as it stands before a port."""
        return f"[{self.address}]" if ":" in self.address else self.address
