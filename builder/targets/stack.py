"""The `stack` key of a target: what its engines get from the host beside their image."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from builder.targets.arguments import Arguments

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Folder = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pooling(_Strict):
    """The target's own vLLM as the server of embeddings, beside the one that chats."""

    args: Arguments = Field(default={}, description="flags for the engine that embeds")
    beside: Arguments = Field(default={}, description="flags for the one that chats, which shares its GPU")
    memory_gb: float = Field(default=2, gt=0, description="what its container needs")


class StackSpec(_Strict):
    tmp_mb: int = Field(
        default=1024,
        gt=0,
        description="temporary files, in memory; code compiled at run time is loaded from there",
    )
    start_minutes: int = Field(
        default=60, gt=0, description="how long a first load may take: a failing check does not count"
    )
    lock_memory: bool = Field(default=False, description="the driver pins memory of the host")
    caches: dict[Variable, Folder] = Field(
        default={}, description="by variable: a folder in the volume that keeps compiled code between starts"
    )
    pooling: Pooling = Pooling()
