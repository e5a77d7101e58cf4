"""Reading and writing a volume's files through a container that is never started."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from builder.engine.client import Engine
from builder.errors import EngineError

if TYPE_CHECKING:
    from docker.models.containers import Container

_MOUNT = "/volume"


class VolumeAccess:
    def __init__(self, container: "Container", mount: str) -> None:
        self._container = container
        self._mount = mount

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if it is not there."""
        from docker.errors import NotFound

        try:
            chunks, _ = self._container.get_archive(f"{self._mount}/{name}")
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(archive.getmembers()[0])
            return file.read() if file else None

    def write(self, name: str, content: bytes) -> None:
        """Put one small file in the place of an older one."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        buffer.seek(0)
        self.unpack(buffer)

    def unpack(self, archive: IO[bytes]) -> None:
        """Unpack a tar archive at the volume's top."""
        from docker.errors import APIError

        try:
            done = self._container.put_archive(self._mount, archive)
        except APIError as error:
            raise EngineError(f"cannot write to the volume: {error.explanation}") from None
        if not done:
            raise EngineError("the engine did not take the archive for the volume")


@contextmanager
def open_volume(engine: Engine, name: str, image: str) -> Iterator[VolumeAccess]:
    """Reach into a volume; `image` may be any that is here, for the container needs one. It never runs."""
    container = engine.sdk.containers.create(
        image, volumes={name: {"bind": _MOUNT, "mode": "rw"}}, network_mode="none"
    )
    try:
        yield VolumeAccess(container, _MOUNT)
    finally:
        container.remove(force=True)


def empty_volume(engine: Engine, name: str, image: str) -> None:
    """Delete all of a volume's files, with the `find` of an image; what reads one of them keeps it open."""
    engine.sdk.containers.run(
        image,
        entrypoint=["find", _MOUNT, "-mindepth", "1", "-delete"],
        volumes={name: {"bind": _MOUNT, "mode": "rw"}},
        user="0:0",
        network_mode="none",
        remove=True,
    )
