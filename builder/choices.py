"""What the command line says of a stack, as the options that it is rendered with."""

import argparse
import ipaddress
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from builder.errors import UsageError
from builder.render.options import Embeddings, EmbeddingsServer, KeysFile, Service, StackOptions
from builder.render.stack import HOST_NAME

SERVICES: dict[str, Service] = {"infinity": "infinity", "vllm": "vllm"}
_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
"""Of what URLs may hold, that which needs no quoting anywhere: no login, no query, no `$`."""
_NEAR = (".local", ".lan", ".internal", ".home.arpa")


def stack_options(
    args: argparse.Namespace, certificate: Callable[[], Path | None] = lambda: None
) -> StackOptions:
    """`certificate` tells whom this machine trusts, where that is not the usual."""
    embeddings = embeddings_choice(args.embeddings)
    if isinstance(embeddings, EmbeddingsServer):
        embeddings = replace(embeddings, certificate=certificate())
    keys = _keys_file(args.keys) if args.keys else None
    return StackOptions(
        embeddings=embeddings, gpus=args.gpus, address=_address_of(args.address, keys), keys=keys
    )


def _keys_file(name: str) -> KeysFile:
    """A file that the proxy's user can read: containers see the file alone, whoever may enter its folder."""
    path = Path(name).absolute()
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(
            f"--keys {name!r}: {error.strerror}",
            hint="name a file with one key in a line, as KEY or NAME:KEY",
        ) from None
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise UsageError(
            f"--keys {name!r} holds no key", hint="name a file with one key in a line, as KEY or NAME:KEY"
        )
    if not status.st_mode & stat.S_IROTH:
        raise UsageError(
            f"--keys {name!r}: the user of the proxy's container may not read it",
            hint=f"`chmod o+r {name}`, and keep others out of its folder: `chmod 700 {path.parent}`",
        )
    return KeysFile(path, str(status.st_mtime_ns))


def _address_of(text: str, keys: KeysFile | None) -> str:
    """Beyond this machine only for those who have a key."""
    address = _address(text)
    if address is None:
        raise UsageError(
            f"--address {text!r} is no IP address", hint="0.0.0.0 is every one that this machine has"
        )
    if not address.is_loopback and keys is None:
        raise UsageError(
            f"--address {text} would let everyone call who reaches this machine",
            hint="give --keys a file of API keys as well",
        )
    return str(address)


def embeddings_choice(text: str) -> Embeddings:
    return SERVICES.get(text) or EmbeddingsServer(_checked_url(text))


def _checked_url(text: str) -> str:
    """A URL that a container can use; UsageError says what is wrong with any other."""
    if "://" not in text:
        raise UsageError(
            f"--embeddings {text!r} is no kind of embeddings",
            hint=f"take {', '.join(SERVICES)}, or a server's URL as https://HOST/v1",
        )
    parts = _split(text)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host):
        raise UsageError(
            f"--embeddings {text!r}: inside a container {host} is the container itself",
            hint=f"name this machine {HOST_NAME}, and let the server listen where containers reach it",
        )
    if parts.scheme == "http" and not _is_near(host):
        raise UsageError(
            f"--embeddings {text!r} would send every text readable through the network",
            hint="use https; plain http is for this machine and private addresses",
        )
    return text.rstrip("/")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        valid = bool(_URL.fullmatch(text)) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(
            f"--embeddings {text!r} is no server's URL",
            hint="write it as https://HOST[:PORT][/PATH], without login, query or special characters",
        )
    return parts


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _is_near(host: str) -> bool:
    """On this machine or beside it: the name of one label is a neighbour's, too."""
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_link_local
    return "." not in host or host.endswith(_NEAR)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
