"""Where an image's bytes are: by layer, and by what the files belong to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from builder.verify.facts import PYTHON

NOT_COUNTED = f"files are not counted: there is no {PYTHON} in it that runs"


@dataclass(frozen=True)
class Layer:
    digest: str
    """Of the layer and all below it: an engine keeps a layer once for images that are the same up to it."""
    made_by: str
    size: int
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageWeights:
    tag: str
    budget: int | None
    layers: tuple[Layer, ...]
    groups: dict[str, int] | None
    """Bytes of files by distribution or system folder, largest first; None where nobody could count them."""

    @property
    def total(self) -> int:
        return sum(layer.size for layer in self.layers)

    @property
    def shared(self) -> int:
        """Bytes that another image of the report has on disk already."""
        return sum(layer.size for layer in self.layers if layer.shared_with)

    @property
    def own(self) -> int:
        return self.total - self.shared

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "total": self.total, "shared": self.shared, "own": self.own}


def mark_shared(images: Sequence[ImageWeights]) -> list[ImageWeights]:
    """Note at each layer which other images hold the very same one."""
    holders: dict[str, list[str]] = {}
    for image in images:
        for layer in image.layers:
            holders.setdefault(layer.digest, []).append(image.tag)

    def marked(image: ImageWeights, layer: Layer) -> Layer:
        others = tuple(tag for tag in dict.fromkeys(holders[layer.digest]) if tag != image.tag)
        return replace(layer, shared_with=others)

    return [replace(image, layers=tuple(marked(image, layer) for layer in image.layers)) for image in images]


def on_disk(images: Sequence[ImageWeights]) -> int:
    """What the images take together: a shared layer counts once."""
    sizes = {layer.digest: layer.size for image in images for layer in image.layers}
    return sum(sizes.values())
