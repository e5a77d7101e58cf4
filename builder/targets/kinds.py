"""The kinds of plain values in targets.yaml, and what all of its models have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.+_-]*$")]
Arch = Annotated[str, StringConstraints(pattern=r"^(gfx[0-9a-f]{3,5}|sm_[0-9]{2,3}[af]?)$")]
Link = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,40}$")]
DebianPackage = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
Port = Annotated[int, Field(gt=0, lt=65536)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(Strict):
    """What an image may weigh: the sum of its uncompressed layers in megabytes (10^6 bytes)."""

    total_mb: int = Field(gt=0)
    added_mb: int | None = Field(default=None, gt=0, description="what it may add to its base")
