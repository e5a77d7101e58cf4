"""The shape of targets.yaml. A key's meaning is said once, here; editors get it through the JSON schema."""

import datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from builder.tags import Fit
from builder.targets.images import BaseSpec, EngineSpec, ImageSpec
from builder.targets.kinds import Arch, Link, Name, Strict, Version
from builder.targets.llamacpp import LlamacppChoice, LlamacppImage, LlamacppSpec, llamacpp_image
from builder.targets.stack import StackSpec


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
