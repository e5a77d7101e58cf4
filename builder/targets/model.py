"""The shape of targets.yaml. A key's meaning is said once, here; editors get it through the JSON schema."""

import datetime
import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from builder.tags import Fit
from builder.targets.arguments import Arguments, flags
from builder.targets.kinds import Arch, Budget, Commit, DebianPackage, Link, Name, Port, Strict, Version
from builder.targets.llamacpp import LlamacppChoice, LlamacppImage, LlamacppSpec, llamacpp_image
from builder.targets.stack import StackSpec

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


class Rocm(Strict):
    version: Version
    rccl: bool = Field(description="without it only one GPU can be used")
    min_kernel: Version | None = None


class Cuda(Strict):
    version: Version
    min_driver: Version


class Pruning(Strict):
    """What the pruner is told beyond the chip's name."""

    accept: list[str] = Field(default=[], description="libraries that may be without code for the chip")
    delete: dict[str, str] = Field(default={}, description="what this chip never loads, each with the reason")


class Gap(Strict):
    """Something that is known not to work, and where upstream talks about it."""

    text: str
    link: Link


class Shown(Strict):
    """A day on which something was seen to work, and what shows it."""

    date: datetime.date
    by: str = Field(description="a test of this repository, or a link to whoever ran it")


class State(Strict):
    """How far a target has been shown to work."""

    rendered: Shown | None = Field(default=None, description="its files are written and pass the linters")
    rehearsed: Shown | None = Field(
        default=None, description="every stage ran, with stand-ins for what is not public"
    )
    built: Shown | None = Field(default=None, description="its image was made of the real parts, and checked")
    run: Shown | None = Field(default=None, description="it answered on the hardware")


class Target(Strict):
    title: str
    vendor: Literal["none", "amd", "nvidia"]
    family: Name = Field(description="a template in families; targets of one share host layers")
    archs: list[Arch] = Field(default=[], description="device code that the images carry; empty for a CPU")
    machine: Literal["x86_64", "aarch64"] = Field(default="x86_64", description="what `uname -m` says")
    cpu_flags: list[str] = Field(default=[], description="what the processor must have")
    hardware: list[str] = Field(default=[], description="names that people know the chips by")
    support: Literal["upstream", "community", "experimental"] = "upstream"
    state: State = State()
    engine: EngineSpec
    llamacpp: LlamacppChoice | None = Field(default=None, description="llama.cpp's server for this chip")
    rocm: Rocm | None = None
    cuda: Cuda | None = None
    stack: StackSpec = Field(default=StackSpec(), description="what the engines get beside their image")
    pruning: Pruning = Pruning()
    gaps: list[Gap] = Field(default=[])

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

    @model_validator(mode="after")
    def _a_single_gpu_is_not_parted(self) -> Self:
        parted = {"tensor-parallel-size", "pipeline-parallel-size"} & set(self.engine.args)
        if self.rocm and not self.rocm.rccl and parted:
            raise ValueError(f"without rccl only one GPU can be used, and engine.args has {parted.pop()}")
        return self


AnyImage: TypeAlias = ImageSpec | LlamacppImage


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
    indexes: dict[Name, Link] = Field(default={}, description="upstream package indexes")
    images: dict[Literal["proxy", "embeddings"], ImageSpec] = Field(description="what every target shares")
    llamacpp: LlamacppSpec | None = Field(default=None, description="llama.cpp's server, for every target")
    models: DefaultModels
    targets: dict[Name, Target] = Field(min_length=1)
    unserved: dict[Name, str] = Field(
        default={}, description="chips that people may ask for and no target is for, each with the reason"
    )

    @model_validator(mode="after")
    def _bases_exist(self) -> Self:
        specs: list[tuple[str, ImageSpec]] = [(f"images.{name}", spec) for name, spec in self.images.items()]
        specs += [(f"targets.{name}.engine", target.engine) for name, target in self.targets.items()]
        for name, spec in specs:
            if spec.base not in self.bases:
                raise ValueError(f"{name} stands on base {spec.base!r}; there is {', '.join(self.bases)}")
            unknown = set(spec.upstream) - set(self.indexes)
            if unknown:
                raise ValueError(
                    f"{name} takes from index {', '.join(sorted(unknown))}, which indexes does not hold"
                )
        missing = {"proxy", "embeddings"} - set(self.images)
        if missing:
            raise ValueError(f"images lacks {', '.join(sorted(missing))}")
        return self

    @model_validator(mode="after")
    def _wheels_fit_their_base(self) -> Self:
        for name, target in self.targets.items():
            base = self.bases[target.engine.base]
            for distribution, tag in target.engine.tags.items():
                if not Fit(base.python, base.glibc).takes(f"x-0-{tag}.whl"):
                    raise ValueError(
                        f"targets.{name}.engine stands on base {target.engine.base!r} with Python "
                        f"{base.python} and glibc {base.glibc}, and the wheel of {distribution} is for {tag}"
                    )
        return self

    @model_validator(mode="after")
    def _llamacpp_is_whole(self) -> Self:
        if self.llamacpp and self.llamacpp.base not in self.bases:
            raise ValueError(
                f"llamacpp stands on base {self.llamacpp.base!r}; there is {', '.join(self.bases)}"
            )
        for name in self.targets:
            try:
                self.llamacpp_image(name)
            except ValueError as error:
                raise ValueError(f"targets.{name}.llamacpp: {error}") from None
        return self

    def llamacpp_image(self, target: str) -> LlamacppImage | None:
        """llama.cpp's server for a target; None where it has none."""
        choice = self.targets[target].llamacpp
        if choice is None:
            return None
        if self.llamacpp is None:
            raise ValueError("there is no entry llamacpp beside images that says what it is made of")
        return llamacpp_image(self.llamacpp, choice, self.targets[target].archs)

    def image_spec(self, image: str, target: str) -> AnyImage:
        """The entry of an image of a target, whether shared or the target's own."""
        specs: dict[str, AnyImage | None] = {
            "vllm": self.targets[target].engine,
            "llamacpp": self.llamacpp_image(target),
        }
        specs.update(self.images.items())
        found = specs[image]
        if found is None:
            raise KeyError(image)
        return found
