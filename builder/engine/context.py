"""Which engine is meant: the one of docker's current context, as the docker command finds it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from builder.errors import EngineError

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT = "default"
"""The context that docker and buildx have built in: DOCKER_HOST, or else this machine's engine."""


@dataclass(frozen=True)
class Endpoint:
    """Where a context's engine answers; `certificates` is a folder, or None."""

    host: str
    certificates: Path | None = None
    verify: bool = True


def name() -> str:
    """The current context: DOCKER_HOST goes before DOCKER_CONTEXT, and that before docker's configuration."""
    if os.environ.get("DOCKER_HOST"):
        return DEFAULT
    return os.environ.get("DOCKER_CONTEXT") or _configured() or DEFAULT


def is_chosen() -> bool:
    """Whether somebody chose an engine: no other one may then be put in its place."""
    return bool(os.environ.get("DOCKER_HOST")) or name() != DEFAULT


def endpoint() -> Endpoint | None:
    """Where the current context's engine answers; None for the built-in context."""
    current = name()
    if current == DEFAULT:
        return None
    key = hashlib.sha256(current.encode()).hexdigest()
    contexts = _folder() / "contexts"
    docker = _docker_endpoint(contexts / "meta" / key / "meta.json")
    if not docker.get("Host"):
        raise EngineError(
            f"docker's current context {current!r} does not exist or names no engine",
            hint="choose another with `docker context use`, or unset DOCKER_CONTEXT",
        )
    certificates = contexts / "tls" / key / "docker"
    return Endpoint(
        str(docker["Host"]),
        certificates if certificates.is_dir() else None,
        verify=not docker.get("SkipTLSVerify"),
    )


def _docker_endpoint(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["Endpoints"]["docker"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def remote_host() -> str:
    """The host of an engine that is reached over the network; "" for one behind a socket of this machine."""
    found = endpoint()
    try:
        return urlsplit(found.host if found else os.environ.get("DOCKER_HOST", "")).hostname or ""
    except ValueError:
        return ""


def open_client(found: Endpoint | None, *, timeout: int) -> "DockerClient":
    """Docker's client for an endpoint."""
    import docker

    if found is None:
        return docker.from_env(timeout=timeout)
    options: dict[str, Any] = {"tls": _tls(found)} if found.certificates else {}
    return docker.DockerClient(
        base_url=found.host, timeout=timeout, use_ssh_client=found.host.startswith("ssh://"), **options
    )


def _tls(found: Endpoint) -> object:
    from docker.tls import TLSConfig

    folder = found.certificates or Path()
    authority, certificate, key = (folder / f"{part}.pem" for part in ("ca", "cert", "key"))
    return TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.exists() and key.exists() else None,
        ca_cert=str(authority) if authority.exists() else None,
        verify=found.verify,
    )


def _folder() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser())


def _configured() -> str:
    try:
        configuration = json.loads((_folder() / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(configuration.get("currentContext") or "") if isinstance(configuration, dict) else ""
