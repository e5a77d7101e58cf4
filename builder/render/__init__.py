"""From a target to the files of its bundle: pure, so the same input gives the same bytes."""

from builder.render.bundle import Bundle, render
from builder.render.inputs import Inputs, read_inputs
from builder.render.llamacpp import PACKAGES_LABEL
from builder.render.options import EmbeddingsServer, HubModel, KeysFile, StackOptions
from builder.render.recipe import IMAGE_LABEL, INPUTS_LABEL, RenderedImage
from builder.render.stack import ENV, ENV_EXAMPLE

__all__ = [
    "ENV",
    "ENV_EXAMPLE",
    "IMAGE_LABEL",
    "INPUTS_LABEL",
    "PACKAGES_LABEL",
    "Bundle",
    "EmbeddingsServer",
    "HubModel",
    "Inputs",
    "KeysFile",
    "RenderedImage",
    "StackOptions",
    "read_inputs",
    "render",
]
