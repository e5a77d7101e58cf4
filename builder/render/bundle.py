"""All files of a target's bundle: image folders, docker-bake.json and the stack's own."""

from dataclasses import dataclass

from builder.render.bake import render_bake
from builder.render.image import render_engine, render_models, render_shared
from builder.render.inputs import Inputs
from builder.render.llamacpp import render_llamacpp
from builder.render.options import StackOptions
from builder.render.recipe import RenderedImage
from builder.render.stack import render_stack
from builder.targets.images import ImageSpec
from builder.targets.model import Catalog
from builder.targets.pick import pick_target


@dataclass(frozen=True)
class Bundle:
    target: str
    stack: str
    images: tuple[RenderedImage, ...]
    """In the order they are built; each one's files lie in a folder of its name."""
    files: dict[str, bytes]

    def image(self, name: str) -> RenderedImage:
        return next(image for image in self.images if image.name == name)


def render(catalog: Catalog, name: str, inputs: Inputs, options: StackOptions) -> Bundle:
    target = pick_target(catalog, name)
    llamacpp = render_llamacpp(catalog, name, inputs)
    images = (
        render_engine(catalog, name, target, inputs),
        *(render_shared(catalog, image, spec, inputs) for image, spec in shared_images(catalog, options)),
        render_models(catalog, name, target, inputs),
        *((llamacpp,) if llamacpp else ()),
    )
    files = {f"{image.name}/{path}": content for image in images for path, content in image.files.items()}
    files["docker-bake.json"] = render_bake(images)
    files |= render_stack(catalog, name, images, inputs, options)
    return Bundle(name, options.name, images, dict(sorted(files.items())))


def shared_images(catalog: Catalog, options: StackOptions) -> list[tuple[str, ImageSpec]]:
    """Of what every target shares, the images that this stack runs."""
    unused = {"embeddings"} if options.embeddings != "infinity" else set()
    return [(image, spec) for image, spec in catalog.images.items() if image not in unused]
