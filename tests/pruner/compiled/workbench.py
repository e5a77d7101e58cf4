"""A container of the compilers' image for a session: files go in, programs run, files come out."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from builder.engine import Engine

if TYPE_CHECKING:
    from docker.models.containers import Container


@dataclass(frozen=True)
class Done:
    status: int | None
    out: str
    err: str


class Workbench:
    def __init__(self, container: "Container") -> None:
        self._container = container

    def put(self, folder: str, files: Mapping[str, bytes | Path]) -> None:
        """Write files below a new `folder`, all of them executable."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, content in files.items():
                data = content if isinstance(content, bytes) else content.read_bytes()
                member = tarfile.TarInfo(f"{folder.strip('/')}/{name}")
                member.size, member.mode = len(data), 0o755
                tar.addfile(member, io.BytesIO(data))
        assert self._container.put_archive("/", archive.getvalue())

    def run(self, *argv: str, **environment: str) -> Done:
        done = self._container.exec_run(list(argv), demux=True, environment=environment)
        output: tuple[bytes | None, bytes | None] = done.output  # type: ignore[assignment] # demux: a pair
        out, err = ((part or b"").decode(errors="replace") for part in output)
        return Done(done.exit_code, out, err)

    def get(self, folder: str) -> Iterator[tuple[PurePosixPath, bytes]]:
        """The files below `folder`, each by its path below it."""
        stream, _ = self._container.get_archive(folder)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            for member in tar:
                if member.isfile():
                    content = tar.extractfile(member)
                    assert content is not None
                    yield PurePosixPath(*PurePosixPath(member.name).parts[1:]), content.read()


@contextmanager
def workbench(engine: Engine, image: str, user: str | None = None) -> Iterator[Workbench]:
    """It has no network; whatever happens, it is gone afterwards. Without a `user`, it is the image's own."""
    container = engine.sdk.containers.run(
        image, entrypoint=["sleep", "infinity"], detach=True, init=True, network_mode="none", user=user
    )
    try:
        yield Workbench(container)
    finally:
        container.remove(force=True)
