"""targets.yaml: what differs per GPU, as typed data."""

from builder.targets.choose import Choice, chosen
from builder.targets.images import BaseSpec, ImageSpec
from builder.targets.load import load_catalog
from builder.targets.model import AnyImage, Catalog, Target
from builder.targets.pick import pick_target

__all__ = [
    "AnyImage",
    "BaseSpec",
    "Catalog",
    "Choice",
    "ImageSpec",
    "Target",
    "chosen",
    "load_catalog",
    "pick_target",
]
