"""The seam to the container engine: what the driver asks of it besides builds, through Docker's SDK."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from builder.console import size
from builder.engine import context
from builder.engine.context import Endpoint
from builder.engine.layers import LayerSizes
from builder.errors import EngineError, UsageError
from builder.paths import CACHE

if TYPE_CHECKING:
    from docker import DockerClient

ENGINE_PACKAGES = "docker.io, docker-cli, docker-buildx and docker-compose (on Ubuntu docker-compose-v2)"
MINIMUM_BUILDX = (0, 13)
"""The first with machine-readable progress."""

MINIMUM_ENGINE = (25,)
"""The first that knows a health check's start interval, as the images have one."""

MINIMUM_COMPOSE = (2, 21)
"""It knows `include`, by which the compose.yaml at the root takes the bundle in."""

_LINTING_BUILDX = (0, 15)
_BAD_REQUEST = 400
_TIMEOUT_SECONDS = 120
_SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True)
class Versions:
    engine: str
    api: str
    buildx: str | None
    compose: str | None


@dataclass(frozen=True)
class Layer:
    """What one instruction added: bytes on disk, uncompressed."""

    size: int
    made_by: str


@dataclass(frozen=True)
class ImageFacts:
    """`size` is the sum of the uncompressed layers; `layers` lists the non-empty ones from the base up."""

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    size: int
    layers: tuple[Layer, ...]
    diff_ids: tuple[str, ...]


@dataclass(frozen=True)
class RunResult:
    status: int
    stdout: str
    stderr: str


def connect() -> "Engine":
    """Reach the engine of docker's current context, or raise EngineError that says what is missing."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    endpoint = context.endpoint()
    try:
        client = context.open_client(endpoint, timeout=_TIMEOUT_SECONDS)
        client.ping()
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise _unreachable(error, endpoint) from None
    return Engine(client)


class Engine:
    """A container engine that answers. `sdk` is Docker's client, for what is not here."""

    def __init__(self, sdk: "DockerClient") -> None:
        self.sdk = sdk

    @cached_property
    def versions(self) -> Versions:
        facts = self.sdk.version()
        return Versions(
            engine=str(facts["Version"]),
            api=str(facts["ApiVersion"]),
            buildx=_plugin_version("buildx", "version"),
            compose=_plugin_version("compose", "version", "--short"),
        )

    @property
    def can_lint(self) -> bool:
        return version_tuple(self.versions.buildx or "0") >= _LINTING_BUILDX

    def require_buildkit(self) -> None:
        """EngineError unless the engine is new enough, and BuildKit can be driven through `docker buildx`."""
        _require_engine(self.versions.engine)
        _require_plugin("docker buildx", self.versions.buildx, MINIMUM_BUILDX, "docker-buildx")

    def require_compose(self) -> None:
        """EngineError unless a new enough Compose v2 is there."""
        package = "docker-compose (on Ubuntu docker-compose-v2)"
        _require_plugin("docker compose", self.versions.compose, MINIMUM_COMPOSE, package)

    def image(self, tag: str) -> ImageFacts | None:
        """The facts of a local image by tag or id; None if it is not there. Asks no registry. UsageError
        if it can be neither."""
        from docker.errors import APIError, NotFound, NullResource

        try:
            found = self.sdk.images.get(tag)
        except NotFound:
            return None
        except NullResource:
            raise _no_reference(tag) from None
        except APIError as error:
            if error.status_code == _BAD_REQUEST:
                raise _no_reference(tag) from None
            raise
        diff_ids = tuple(str(each) for each in found.attrs["RootFS"].get("Layers") or ())
        steps = [entry for entry in reversed(found.history()) if entry["Size"]]
        sizes = [int(entry["Size"]) for entry in steps]
        if self._tells_disk_blocks and len(steps) == len(diff_ids):
            sizes = self._content_sizes(str(found.id), diff_ids) or sizes
        made_by = [str(entry["CreatedBy"]) for entry in steps]
        layers = tuple(Layer(size, by) for size, by in zip(sizes, made_by, strict=True) if size)
        return ImageFacts(
            id=str(found.id),
            tags=tuple(found.tags),
            labels=dict(found.labels),
            size=sum(layer.size for layer in layers),
            layers=layers,
            diff_ids=diff_ids,
        )

    def run(
        self,
        image: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        volumes: Mapping[str, str] | None = None,
        user: str | None = None,
        timeout: float = 60,
    ) -> RunResult:
        """Run a short command in a throw-away container without network; `volumes` maps a name or a path
        to a place in it, read-only. The container is gone afterwards, whatever happens."""
        from docker.errors import APIError, ImageNotFound
        from requests.exceptions import RequestException

        try:
            container = self.sdk.containers.create(
                image,
                entrypoint=list(argv[:1]),
                command=list(argv[1:]),
                environment=dict(env or {}),
                volumes={source: {"bind": place, "mode": "ro"} for source, place in (volumes or {}).items()},
                user=user or "",
                network_mode="none",
            )
        except ImageNotFound:
            raise EngineError(f"there is no image {image}", hint="build it first: `build.py build`") from None
        try:
            container.start()
            status = int(container.wait(timeout=timeout)["StatusCode"])
            stdout, stderr = (
                container.logs(stdout=out, stderr=not out).decode("utf-8", "replace") for out in (True, False)
            )
        except APIError as error:
            raise EngineError(f"{argv[0]} in {image} could not be started: {error.explanation}") from None
        except RequestException:
            raise EngineError(f"{argv[0]} in {image} did not end within {timeout:.0f} s") from None
        finally:
            container.remove(force=True)
        return RunResult(status, stdout, stderr)

    def export(self, tag: str) -> Iterator[bytes]:
        """The whole image as a tar archive (layers, configuration, history), in pieces."""
        return self.sdk.images.get(tag).save(named=True)

    def import_rootfs(self, archive: Path, tag: str, changes: Sequence[str]) -> None:
        """Make an image of one layer from a tar archive; `changes` are instructions such as LABEL."""
        from docker.errors import APIError

        repository, _, version = tag.rpartition(":")
        try:
            self.sdk.api.import_image(
                src=str(archive), repository=repository, tag=version, changes=list(changes)
            )
        except APIError as error:
            raise EngineError(f"the engine did not take the root file system for {tag}: {error}") from None

    def tag(self, image: str, tag: str) -> None:
        """Give an image one more name; an image that had it before loses it."""
        repository, _, version = tag.rpartition(":")
        self.sdk.images.get(image).tag(repository, version)

    def remove_image(self, image: str) -> None:
        """Remove an image unless something uses it."""
        from docker.errors import APIError, ImageNotFound

        try:
            self.sdk.images.remove(image)
        except (ImageNotFound, APIError):
            return

    def remove_replaced(self, label: str) -> None:
        """Remove images with this label that lost their name to a newer one and that no container uses."""
        self.sdk.images.prune(filters={"dangling": True, "label": label})

    def registry_digest(self, reference: str) -> str | None:
        """The digest a registry gives for an image; None where no registry answers, EngineError where it
        answers that there is no such image."""
        from docker.errors import APIError, NotFound
        from requests.exceptions import RequestException

        try:
            return str(self.sdk.images.get_registry_data(reference).id)
        except NotFound:
            raise _no_such_image(reference) from None
        except APIError as error:
            if re.search(r"manifest unknown|not found|denied|unauthorized", str(error), re.I):
                raise _no_such_image(reference) from None
            return None
        except RequestException:
            return None

    def has_volume(self, name: str) -> bool:
        from docker.errors import NotFound

        try:
            self.sdk.volumes.get(name)
        except NotFound:
            return False
        return True

    def create_volume(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        self.sdk.volumes.create(name=name, labels=dict(labels or {}))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; EngineError while a container uses it."""
        from docker.errors import APIError, NotFound

        try:
            self.sdk.volumes.get(name).remove()
        except NotFound:
            return
        except APIError:
            raise EngineError(
                f"the volume {name} is in use", hint="stop the stack first: `build.py down`"
            ) from None

    def free_bytes(self) -> int | None:
        """Free space where the engine keeps its data; None where that is not on this machine."""
        root = Path(str(self.sdk.info().get("DockerRootDir", "")))
        if not self.is_local or not root.is_absolute():
            return None
        try:
            return shutil.disk_usage(root).free
        except OSError:
            return None

    def require_space(self, needed: int, what: str) -> None:
        """EngineError when less than `needed` bytes are free for `what`; silent where nobody can tell."""
        free = self.free_bytes()
        if free is not None and free < needed:
            root = self.sdk.info()["DockerRootDir"]
            raise EngineError(
                f"{what} needs {size(needed)} of disk space, and {root} has {size(free)}",
                hint="free some, for example with `docker builder prune` and `docker image prune`",
            )

    @cached_property
    def _tells_disk_blocks(self) -> bool:
        """Whether images lie in containerd's store, where a layer's size is that of the blocks it takes."""
        return "io.containerd.snapshotter" in str(self.sdk.info().get("DriverStatus"))

    def _content_sizes(self, image: str, diff_ids: Sequence[str]) -> list[int] | None:
        sizes = LayerSizes(CACHE / "layers.json")
        if sizes.known(diff_ids) is None:
            sizes.learn(self.export(image))
        return sizes.known(diff_ids)

    @property
    def is_local(self) -> bool:
        return self.sdk.api.base_url.startswith(("http+docker://", "http+unix://", "npipe://"))


def version_tuple(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with: 28.5.2+dfsg4 gives (28, 5, 2)."""
    match = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _plugin_version(*argv: str) -> str | None:
    try:
        done = subprocess.run(
            ["docker", *argv], capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (FileNotFoundError, PermissionError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv?(\d+\.\d+\S*)", done.stdout)
    return match[1] if done.returncode == 0 and match else None


def _require_engine(found: str) -> None:
    if version_tuple(found) < MINIMUM_ENGINE:
        wanted = ".".join(map(str, MINIMUM_ENGINE))
        raise EngineError(
            f"the container engine {found} is too old; Docker {wanted} or newer is needed",
            hint=f"install newer packages: {ENGINE_PACKAGES}",
        )


def _require_plugin(command: str, found: str | None, minimum: tuple[int, ...], package: str) -> None:
    wanted = ".".join(map(str, minimum))
    if found is None:
        raise EngineError(
            f"this engine has no `{command}`", hint=f"install the distribution's package {package}"
        )
    if version_tuple(found) < minimum:
        raise EngineError(
            f"`{command}` {found} is too old; {wanted} or newer is needed",
            hint=f"install a newer {package}",
        )


def _unreachable(error: Exception, endpoint: Endpoint | None) -> EngineError:
    """Which of the common reasons it is that no engine answers."""
    causes = _causes(error)
    host = endpoint.host if endpoint else os.environ.get("DOCKER_HOST", "")
    if any(isinstance(cause, PermissionError) for cause in causes):
        return EngineError(
            f"no permission to use the container engine's socket ({_socket(host)})",
            hint="run as root, or add yourself to the group `docker` and log in again",
        )
    if endpoint:
        return EngineError(
            f"no container engine answers at {host}, where docker's context {context.name()!r} leads",
            hint="start it there, or choose another context with `docker context use`",
        )
    if host:
        return EngineError(
            f"no container engine answers at DOCKER_HOST={host}", hint="start it, or unset DOCKER_HOST"
        )
    if shutil.which("dockerd") is None and not _SOCKET.exists():
        return EngineError(
            "no container engine is installed", hint=f"install the distribution's packages {ENGINE_PACKAGES}"
        )
    return EngineError(
        f"the container engine is not running: {_SOCKET} does not answer",
        hint="start it: `systemctl start docker`, or as root `dockerd`",
    )


def _socket(host: str) -> str:
    return urlsplit(host).path or str(_SOCKET)


def _causes(error: BaseException) -> list[Any]:
    """An exception and everything that it wraps, in its arguments or as its context."""
    found: list[Any] = []
    pending: list[Any] = [error]
    while pending:
        each = pending.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            pending += [*each.args, each.__context__, each.__cause__, getattr(each, "reason", None)]
    return found


def _no_reference(name: str) -> UsageError:
    return UsageError(f"{name!r} is no name of an image", hint="name it as NAME:TAG, or by its id")


def _no_such_image(reference: str) -> EngineError:
    return EngineError(
        f"the registry has no image {reference}",
        hint="check the image's name in targets.yaml, or write the lock again with `build.py lock`",
    )
