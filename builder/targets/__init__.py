"""targets.yaml: what differs per GPU, as typed data."""

from builder.targets.choose import Choice, chosen
from builder.targets.load import load_catalog, pick_target
from builder.targets.model import AnyImage, BaseSpec, Catalog, ImageSpec, Target

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
