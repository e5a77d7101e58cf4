"""compose.yaml of a target: the proxy in front, the engines behind it on a network without a way out."""

import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from builder import __version__
from builder.errors import UsageError
from builder.render.inputs import Inputs
from builder.render.options import EmbeddingsServer, StackOptions
from builder.render.recipe import RenderedImage
from builder.render.settings import settings
from builder.render.templates import environment
from builder.targets.arguments import flags
from builder.targets.model import Catalog, Target
from builder.targets.naming import MODELS_VOLUME, cache_volume, hub_volume, library_volume

ENV = ".env"
"""What a person says of the host: a copy of the example until it is changed, and kept from then on."""
ENV_EXAMPLE = "env.example"
HOST_NAME = "host.docker.internal"
"""This machine, as containers call it."""

_CACHE = "/cache"
_CERTIFICATE = "/run/secrets/ca"
_KEYS = "/run/secrets/api_keys"


def render_stack(
    catalog: Catalog, name: str, images: Sequence[RenderedImage], inputs: Inputs, options: StackOptions
) -> dict[str, bytes]:
    """The stack's files; the settings of the host have one of their own where there are any."""
    target = catalog.targets[name]
    require_parting(name, target, options.gpus)
    variables = _variables(catalog, target, images, options)
    files = {"compose.yaml": _signed(_render(inputs, "compose.yaml", variables)).encode()}
    if variables["settings"]:
        files[ENV_EXAMPLE] = _render(inputs, ENV_EXAMPLE, variables).encode()
    return files


def require_parting(name: str, target: Target, gpus: int) -> None:
    """UsageError where a model cannot be parted over so many GPUs."""
    if gpus == 1:
        return
    if target.vendor == "none":
        raise UsageError(f"target {name} uses no GPU, and {gpus} are asked for", hint="leave out --gpus")
    if target.rocm and not target.rocm.rccl:
        raise UsageError(
            f"target {name} runs on one GPU, and {gpus} are asked for",
            hint="RCCL has no code for its chip, so a model cannot be parted; leave out --gpus",
        )


def _variables(
    catalog: Catalog, target: Target, images: Sequence[RenderedImage], options: StackOptions
) -> dict[str, object]:
    server = options.embeddings if isinstance(options.embeddings, EmbeddingsServer) else None
    return {
        "name": options.name,
        "port": options.port,
        "place": options.place,
        "keys": options.keys,
        "keys_file": _KEYS,
        "target": target,
        "shared": catalog.images,
        "models": catalog.models,
        "tags": {image.name: image.tag for image in images},
        "gpus": options.gpus,
        "settings": settings(target, options.gpus),
        "embeddings": "server" if server else options.embeddings,
        "embeddings_url": _embeddings_url(catalog, target, options),
        "on_this_host": server is not None and urlsplit(server.url).hostname == HOST_NAME,
        "certificate": _CERTIFICATE if server and server.certificate else None,
        "on_gpu": _on_gpu(target, options),
        "chat_flags": _chat_flags(target, options),
        "pooling_flags": flags(target.stack.pooling.args),
        "caches": {variable: f"{_CACHE}/{folder}" for variable, folder in target.stack.caches.items()},
        "hub": options.model,
        "files": options.files,
        "volumes": {
            "models": MODELS_VOLUME,
            "hub": hub_volume(options.name),
            "library": library_volume(options.name),
            "cache": cache_volume(options.name),
        },
    }


def _embeddings_url(catalog: Catalog, target: Target, options: StackOptions) -> str:
    if isinstance(options.embeddings, EmbeddingsServer):
        return options.embeddings.url
    ports = {"infinity": catalog.images["embeddings"].port, "vllm": target.engine.port}
    return f"http://embeddings:{ports[options.embeddings]}/v1"


def _on_gpu(target: Target, options: StackOptions) -> list[str]:
    """Which models lie on a GPU; of a server that is not the stack's, nobody knows."""
    if target.vendor == "none":
        return []
    return ["chat", "embedding"] if options.embeddings == "vllm" else ["chat"]


def _chat_flags(target: Target, options: StackOptions) -> list[str]:
    """What the chat engine is told beyond its model and what its image tells it."""
    parted = [f"--tensor-parallel-size={options.gpus}"] if options.gpus > 1 else []
    shares = options.embeddings == "vllm"
    return parted + (flags(target.stack.pooling.beside) if shares else [])


def _render(inputs: Inputs, file: str, variables: Mapping[str, object]) -> str:
    return environment(inputs.templates).get_template(f"compose/{file}.j2").render(**variables)


def _signed(body: str) -> str:
    digest = hashlib.sha256(body.encode()).hexdigest()
    header = (
        f"# gfxpack {__version__}, stack, by `build.py render`; edit compose/compose.yaml.j2 instead.\n"
        f"# content sha256:{digest}\n"
    )
    return header + body
