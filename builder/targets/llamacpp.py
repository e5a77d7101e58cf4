"""The `llamacpp` keys: llama.cpp's server out of a distribution's packages, and what each backend adds."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from builder.targets.arguments import Arguments
from builder.targets.kinds import Arch, Budget, DebianPackage, Name, Port, Strict

Path = Annotated[str, StringConstraints(pattern=r"^/[^\s]+$")]


class Backend(Strict):
    """What the server computes with."""

    title: str
    packages: dict[Name, list[DebianPackage]] = Field(
        default={}, description="what it adds to the server: a layer for each key, in order"
    )
    device: list[DebianPackage] = Field(
        default=[], description="packages with code for many chips: pruned, and the last layer"
    )
    archs: list[Arch] = Field(default=[], description="the chips that `device` has code for")
    exclude: dict[Path, str] = Field(
        default={}, description="paths that are not unpacked, each with the reason"
    )
    args: Arguments = Field(default={}, description="flags that this backend always gets")
    env: dict[str, str] = Field(default={})
    budget: Budget

    @model_validator(mode="after")
    def _device_code_is_for_chips(self) -> Self:
        if bool(self.device) != bool(self.archs):
            raise ValueError("device and archs go together: packages, and the chips they have code for")
        return self


class LlamacppSpec(Strict):
    """llama.cpp's server, as a distribution packs it."""

    base: Name
    lock: Name = Field(description="file in locks/, without its suffix")
    port: Port = Field(description="the port that the server listens on")
    server: list[DebianPackage] = Field(min_length=1, description="the first one's version is the image's")
    without: dict[DebianPackage, str] = Field(
        default={}, description="packages that others ask for and the server does not need: the reasons"
    )
    exclude: dict[Path, str] = Field(
        default={}, description="paths that are not unpacked, each with the reason"
    )
    args: Arguments = Field(default={}, description="flags that the server always gets")
    backends: dict[Name, Backend] = Field(min_length=1)

    @property
    def packages(self) -> list[DebianPackage]:
        """Whatever is asked for by name, whichever the backend."""
        named = [*self.server]
        for backend in self.backends.values():
            named += [*(name for group in backend.packages.values() for name in group), *backend.device]
        return sorted(set(named))


class LlamacppChoice(Strict):
    """Which of the backends a target's image has."""

    backend: Name
    args: Arguments = Field(default={}, description="flags for this chip")
    env: dict[str, str] = Field(default={})
    budget: Budget | None = Field(default=None, description="in place of the backend's")


class LlamacppImage(Strict):
    """The image of one target: the server, its backend, and what the target says about them."""

    base: Name
    port: Port
    archs: list[Arch]
    layers: dict[Name, list[DebianPackage]]
    """In order, the one that is pruned last."""
    device: Name | None
    """The layer that is pruned."""
    without: dict[DebianPackage, str]
    exclude: dict[Path, str]
    args: Arguments
    env: dict[str, str]
    title: str
    budget: Budget
    index: ClassVar[None] = None
    """No package index of Python's is asked for it."""


DEVICE_LAYER = "chip"


def llamacpp_image(spec: LlamacppSpec, choice: LlamacppChoice, archs: list[Arch]) -> LlamacppImage:
    """ValueError where there is no such backend, or it has no code for the chip."""
    backend = spec.backends.get(choice.backend)
    if backend is None:
        raise ValueError(f"backend {choice.backend!r} is not known; there is {', '.join(spec.backends)}")
    missing = [arch for arch in archs if backend.device and arch not in backend.archs]
    if missing:
        raise ValueError(
            f"the packages of backend {choice.backend} have no code for {', '.join(missing)}, "
            f"only for {', '.join(backend.archs)}; take another backend"
        )
    chip = {DEVICE_LAYER: backend.device} if backend.device else {}
    return LlamacppImage(
        base=spec.base,
        port=spec.port,
        archs=archs,
        layers={"server": spec.server, **backend.packages, **chip},
        device=DEVICE_LAYER if chip else None,
        without=spec.without,
        exclude={**spec.exclude, **backend.exclude},
        args={**spec.args, **backend.args, **choice.args},
        env={**backend.env, **choice.env},
        title=backend.title,
        budget=choice.budget or backend.budget,
    )
