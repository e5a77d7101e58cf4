"""The shape of targets.yaml. A key's meaning is said once, here; editors get it through the JSON schema."""

import datetime
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

SECURITY_FLOOR = (0, 22, 0)
"""vLLM below this lets a request past its API key (CVE-2026-48746)."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.+_-]*$")]
Arch = Annotated[str, StringConstraints(pattern=r"^(gfx[0-9a-f]{3,5}|sm_[0-9]{2,3}[af]?)$")]
Link = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,40}$")]
DebianPackage = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseSpec(Strict):
    """A distribution that images stand on."""

    suite: Name = Field(description="suite of the distribution, for the bootstrap")
    image: str = Field(description="reference in a registry, used by digest where one answers")
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")] = Field(description="its Python")
    packages: list[DebianPackage] = Field(min_length=1, description="what it holds above the minimum")
    exclude: list[str] = Field(default=[], description="paths that no package may bring")


class Budget(Strict):
    """What an image may weigh: the sum of its uncompressed layers in megabytes (10^6 bytes)."""

    total_mb: int = Field(gt=0)
    added_mb: int | None = Field(default=None, gt=0, description="what it may add to its base")


class ImageSpec(Strict):
    """An image made of Python wheels on a base."""

    title: str
    version: Version
    base: Name
    port: int = Field(gt=0, lt=65536, description="the port that its server listens on")
    lock: Name = Field(description="file in locks/, without its suffix")
    requirements: list[str] = Field(min_length=1, description="what `lock` resolves")
    without: dict[str, str] = Field(default={}, description="distributions left out, each with the reason")
    index: Link | None = Field(default=None, description="an upstream package index that it needs")
    layers: dict[Name, list[str]] = Field(
        default={}, description="distributions that get a layer of their own, in order; the rest come between"
    )
    runtime_packages: list[DebianPackage] = Field(default=[], description="the distribution's libraries")
    env: dict[str, str] = Field(default={})
    memory_gb: float = Field(gt=0, description="what the container needs to run")
    budget: Budget


class EngineSpec(ImageSpec):
    """The vLLM image of one target."""

    route: Literal["wheels", "source"] = "wheels"
    repository: Link | None = Field(default=None, description="git repository, for the source route")
    commit: Commit | None = None
    args: list[str] = Field(default=[], description="flags that this target always gets")
    shm_mb: int = Field(gt=0, description="shared memory that the engine needs")

    @field_validator("version")
    @classmethod
    def _above_floor(cls, version: str) -> str:
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        if numbers < SECURITY_FLOOR:
            floor = ".".join(map(str, SECURITY_FLOOR))
            raise ValueError(f"vLLM {version} is below the security floor {floor}")
        return version

    @model_validator(mode="after")
    def _route_is_whole(self) -> Self:
        if (self.route == "source") != (self.repository is not None and self.commit is not None):
            raise ValueError("route 'source' needs repository and commit, route 'wheels' takes neither")
        return self


class Rocm(Strict):
    version: Version
    index: Link = Field(description="AMD's package index")
    rccl: bool = Field(description="without it only one GPU can be used")
    min_kernel: Version | None = None


class Cuda(Strict):
    version: Version
    min_driver: Version


class TorchPins(Strict):
    torch: Version
    torchvision: Version | None = None
    torchaudio: Version | None = None


class GitPin(Strict):
    repository: Link
    commit: Commit


class Triton(Strict):
    """Triton comes as a wheel or from a commit."""

    wheel: Version | None = None
    git: GitPin | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.wheel is None) == (self.git is None):
            raise ValueError("give either wheel or git")
        return self


class Aiter(Strict):
    ref: str
    archs: list[Arch] = Field(min_length=1)


class Patch(Strict):
    file: str
    reason: str
    link: Link


class Gap(Strict):
    """Something that is known not to work, and where upstream talks about it."""

    text: str
    link: Link


class State(Strict):
    """How far a target has been shown to work, each with the day it was last seen."""

    rendered: datetime.date | None = None
    rehearsed: datetime.date | None = None
    run: datetime.date | None = None


class Target(Strict):
    title: str
    vendor: Literal["none", "amd", "nvidia"]
    family: Name = Field(description="targets of one family share templates and host layers")
    archs: list[Arch] = Field(default=[], description="device code that the images carry; empty for a CPU")
    machine: Literal["x86_64", "aarch64"] = Field(default="x86_64", description="what `uname -m` says")
    cpu_flags: list[str] = Field(default=[], description="what the processor must have")
    hardware: list[str] = Field(default=[], description="names that people know the chips by")
    support: Literal["upstream", "community", "experimental"] = "upstream"
    state: State = State()
    engine: EngineSpec
    rocm: Rocm | None = None
    cuda: Cuda | None = None
    torch: TorchPins
    triton: Triton | None = None
    flash_attn: Literal["none", "ck", "triton"] = "none"
    aiter: Aiter | None = None
    patches: list[Patch] = []
    build_env: dict[str, str] = {}
    strip_profile: Literal["named", "none"] = "named"
    gaps: list[Gap] = []

    @model_validator(mode="after")
    def _vendor_matches(self) -> Self:
        stacks = {"amd": ("rocm", "gfx"), "nvidia": ("cuda", "sm_")}
        for vendor, (stack, prefix) in stacks.items():
            if (getattr(self, stack) is not None) != (self.vendor == vendor):
                raise ValueError(f"key {stack} goes with vendor {vendor}, here the vendor is {self.vendor}")
            if self.vendor == vendor and not all(arch.startswith(prefix) for arch in self.archs):
                raise ValueError(f"vendor {vendor} takes archs that start with {prefix}, got {self.archs}")
        if (self.vendor == "none") != (not self.archs):
            raise ValueError("a GPU target needs at least one arch, a CPU target has none")
        return self


class ServedModel(Strict):
    """What a model is called, where it lies in the volume, and how its engine is started."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*:[a-z0-9._-]+$")]
    slug: Name
    license: str
    args: list[str] = Field(default=[], description="flags of the engine that go with this model")


class DefaultModels(Strict):
    """The models that come out of package registries, so that the stack answers where no hub does."""

    lock: Name
    requirements: list[str] = Field(min_length=1)
    chat: ServedModel
    embedding: ServedModel
    max_model_len: int = Field(gt=0)


class Catalog(Strict):
    """All of targets.yaml."""

    bases: dict[Name, BaseSpec]
    images: dict[Literal["proxy", "embeddings"], ImageSpec] = Field(description="what every target shares")
    models: DefaultModels
    targets: dict[Name, Target] = Field(min_length=1)

    @model_validator(mode="after")
    def _bases_exist(self) -> Self:
        specs: list[tuple[str, ImageSpec]] = [(f"images.{name}", spec) for name, spec in self.images.items()]
        specs += [(f"targets.{name}.engine", target.engine) for name, target in self.targets.items()]
        for name, spec in specs:
            if spec.base not in self.bases:
                raise ValueError(f"{name} stands on base {spec.base!r}; there is {', '.join(self.bases)}")
        missing = {"proxy", "embeddings"} - set(self.images)
        if missing:
            raise ValueError(f"images lacks {', '.join(sorted(missing))}")
        return self

    def image_spec(self, image: str, target: str) -> ImageSpec:
        """The entry of an image of a target's stack, whether shared or the target's own."""
        specs: dict[str, ImageSpec] = {"vllm": self.targets[target].engine}
        specs.update(self.images.items())
        return specs[image]
