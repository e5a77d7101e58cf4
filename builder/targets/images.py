"""What images are made of: bases, wheels, routes and extras, as targets.yaml says it."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from builder.targets.arguments import Arguments, flags
from builder.targets.kinds import Budget, Commit, DebianPackage, Link, Name, Port, Strict, Version

_WHOLE_COMMIT = 40
SECURITY_FLOOR = (0, 22, 0)
"""vLLM below this lets a request past its API key (CVE-2026-48746)."""

Route = Literal["wheels", "source"]
ExtraName = Literal["cutedsl", "jit", "multimodal"]


class BaseSpec(Strict):
    """A distribution that images stand on."""

    suite: Name = Field(description="suite of the distribution, for the bootstrap")
    image: str = Field(description="reference in a registry, used by digest where one answers")
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d+$")] = Field(description="its Python")
    glibc: Annotated[str, StringConstraints(pattern=r"^2\.\d+$")] = Field(
        description="its C library: wheels for a newer one do not load"
    )
    packages: list[DebianPackage] = Field(min_length=1, description="what it holds above the minimum")
    exclude: list[str] = Field(default=[], description="paths that no package may bring")


class ImageSpec(Strict):
    """An image made of Python wheels on a base."""

    title: str
    version: Version
    base: Name
    port: Port = Field(description="the port that its server listens on")
    lock: Name = Field(description="file in locks/, without its suffix")
    requirements: list[str] = Field(min_length=1, description="what `lock` resolves")
    overrides: list[str] = Field(default=[], description="requirements that win over what wheels ask for")
    without: dict[str, str] = Field(default={}, description="distributions left out, each with the reason")
    index: Link | None = Field(default=None, description="an upstream package index that it needs")
    upstream: dict[Name, list[str]] = Field(
        default={}, description="by index: distributions that come from there and from nowhere else"
    )
    sdists: list[str] = Field(
        default=[], description="distributions that their upstream index holds as source alone"
    )
    tags: dict[str, str] = Field(
        default={}, description="by pattern of distributions: what their wheels are for, as their names end"
    )
    layers: dict[Name, list[str]] = Field(
        default={}, description="distributions that get a layer of their own, in order; the rest come between"
    )
    runtime_packages: list[DebianPackage] = Field(default=[], description="the distribution's libraries")
    runtime_unneeded: dict[str, str] = Field(
        default={}, description="pattern of files that these packages bring in vain -> the reason"
    )
    env: dict[str, str] = Field(default={})
    memory_gb: float = Field(gt=0, description="what the container needs to run")
    budget: Budget

    @property
    def locks(self) -> tuple[str, ...]:
        """Everything that it is made from, in the order of installing."""
        return (self.lock,)


class Patch(Strict):
    """A change to upstream's source, applied whole or not at all."""

    file: str = Field(description="in images/vllm/patches/")
    reason: str
    link: Link


class Source(Strict):
    """Where vLLM is compiled from, on the source route."""

    repository: Link
    commit: Commit = Field(description="in full, or as much of it as is known beside `tag`")
    tag: Name | None = Field(
        default=None, description="what to fetch by, where the commit is not known in full"
    )
    version: Version = Field(description="what the wheel is called")
    requirements: list[str] = Field(
        default=[], description="what the build itself needs, as in `requirements`"
    )
    lock: Name | None = Field(default=None, description="what `requirements` resolve to, on top of the main")
    env: dict[str, str] = Field(default={}, description="for the build")
    patches: list[Patch] = Field(default=[])

    @model_validator(mode="after")
    def _can_be_fetched(self) -> Self:
        if not self.tag and len(self.commit) != _WHOLE_COMMIT:
            raise ValueError(
                f"commit {self.commit} has not its 40 digits, by which alone git fetches; add a tag"
            )
        return self

    @model_validator(mode="after")
    def _tools_are_locked(self) -> Self:
        if bool(self.requirements) != bool(self.lock):
            raise ValueError("requirements and lock go together")
        return self


class Extra(Strict):
    """Something that not every server needs: a layer of its own, from a lock that goes on top."""

    title: str
    requirements: list[str] = Field(min_length=1)
    without: dict[str, str] = Field(default={}, description="distributions left out, each with the reason")
    lock: Name
    runtime_packages: list[DebianPackage] = Field(
        default=[], description="libraries and programs of the distribution that it needs"
    )
    env: dict[str, str] = Field(default={})
    links: dict[str, str] = Field(
        default={}, description="below site-packages: names that programs look for -> what they lead to"
    )
    may_lack: dict[str, str] = Field(default={}, description="as `checks.may_lack`, of its libraries")
    adds_mb: int = Field(default=0, ge=0, description="what it adds to the image's budget")
    device: "Extra | None" = Field(
        default=None, description="wheels of the chip's own code for it, from a lock of their own"
    )


class Checks(Strict):
    """What the checks of an image must know besides what it is made of."""

    driver_libraries: list[str] = Field(default=[], description="libraries that only a host's driver brings")
    may_lack: dict[str, str] = Field(
        default={}, description="pattern of libraries that may lack others or their symbols -> the reason"
    )
    kpack: list[str] = Field(
        default=[], description="archives of code below site-packages, with {arch} for the chip"
    )
    fingerprint: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = Field(
        default="", description="of Triton, as an image's /etc/gfxpack/checks.json has it"
    )


class EngineSpec(ImageSpec):
    """The vLLM image of one target."""

    route: Route = Field(
        default="wheels", description="vLLM as its project publishes it, or compiled for the chip"
    )
    source: Source | None = Field(default=None, description="without it there is no source route")
    args: Arguments = Field(default={}, description="flags that this target always gets")
    shm_mb: int = Field(gt=0, description="shared memory that the engine needs")
    device: Extra | None = Field(
        default=None, description="wheels of the chip's own code, in the last layer, from a lock of their own"
    )
    extras: dict[ExtraName, Extra] = Field(default={}, description="what `--with` adds")
    includes: list[ExtraName] = Field(default=[], description="extras that are in")
    added: list[ExtraName] = Field(default=[], description="those of them that a person asked for")
    links: dict[str, str] = Field(default={}, description="those of the extras that are in")
    checks: Checks = Checks()

    @property
    def devices(self) -> list[Extra]:
        """All that is the chip's own: the engine's, and that of the extras that are in."""
        parts = [self.device, *(self.extras[name].device for name in self.includes)]
        return [part for part in parts if part]

    @property
    def parts(self) -> list[Extra | Source]:
        """All that goes on top of `lock`, whatever route and extras are chosen."""
        extras = [part for extra in self.extras.values() for part in (extra, extra.device)]
        return [part for part in (self.device, self.source, *extras) if part and part.lock]

    @property
    def known_locks(self) -> set[str]:
        """Every lock that it may be made from, whatever route and extras are chosen."""
        return {self.lock, *(part.lock for part in self.parts if part.lock)}

    @property
    def compiled(self) -> Source | None:
        """What vLLM is compiled from, where it is."""
        return self.source if self.route == "source" else None

    @field_validator("version")
    @classmethod
    def _above_floor(cls, version: str) -> str:
        numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
        if numbers < SECURITY_FLOOR:
            floor = ".".join(map(str, SECURITY_FLOOR))
            raise ValueError(f"vLLM {version} is below the security floor {floor}")
        return version

    @model_validator(mode="after")
    def _route_is_there(self) -> Self:
        if self.route == "source" and self.source is None:
            raise ValueError("route 'source' needs the key source: repository, commit, version")
        return self

    @model_validator(mode="after")
    def _extras_are_there(self) -> Self:
        unknown = set(self.includes) - set(self.extras)
        if unknown:
            raise ValueError(f"includes names {', '.join(sorted(unknown))}, which extras does not hold")
        return self

    @property
    def locks(self) -> tuple[str, ...]:
        """Everything that it is made from, in the order of installing."""
        parts = [*(self.extras[name] for name in self.includes), *self.devices]
        return (self.lock, *(part.lock for part in parts))

    @property
    def flags(self) -> list[str]:
        """`args` as a command line has them."""
        return flags(self.args)
