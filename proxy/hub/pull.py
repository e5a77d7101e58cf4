"""Fetching models from a hub. All who ask for one model at once follow the same work, which stops when the
last of them has left; the next one goes on from there."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from proxy.dialect.names import Name
from proxy.errors import ApiError
from proxy.hub import listing as hub
from proxy.hub.download import download
from proxy.hub.listing import File, Listing
from proxy.hub.names import repository
from proxy.hub.web import Web
from proxy.library import Progress, Records
from proxy.model import Manifest
from proxy.store import weights
from proxy.store.disk import Store, slug
from proxy.store.writing import PULLS, in_thread, told

_REPORT_EVERY_SECONDS = 0.1
_LONGEST_LICENSE = 64 * 1024

SUCCESS = Progress(status="success")
WRITING = Progress(status="writing manifest")
_MANIFEST = Progress(status="pulling manifest")
_VERIFYING = Progress(status="verifying sha256 digest")


_Tell = Callable[[Progress], None]


class _Diary:
    """What was told so far. Who reads it late or slowly reads the newest of each line alone."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, Progress]] = {}
        self._count = 0
        self._more = asyncio.Event()

    def tell(self, record: Progress) -> None:
        self._count += 1
        line = record.digest or record.status
        self._lines.pop(line, None)
        self._lines[line] = (self._count, record)
        self.wake()

    def wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def read(self, work: "asyncio.Task[None]") -> AsyncGenerator[Progress, None]:
        """Until the work is done; not more often than people can see."""
        seen = 0
        while True:
            more, done = self._more, work.done()
            for number, record in list(self._lines.values()):
                if number > seen:
                    seen = number
                    yield record
            if done:
                return
            if self._count == seen:
                await more.wait()
            else:
                await asyncio.wait([work], timeout=_REPORT_EVERY_SECONDS)


class _Pull:
    """One model on its way, and how many wait for it."""

    def __init__(self, diary: _Diary, task: "asyncio.Task[None]") -> None:
        self.diary = diary
        self.task = task
        self.followers = 0
        self.stopped = False


class Pulls:
    def __init__(self, store: Store, web: Web, now: Callable[[], datetime]) -> None:
        self._store = store
        self._web = web
        self._now = now
        self._running: dict[str, _Pull] = {}

    async def close(self) -> None:
        for pull in list(self._running.values()):
            pull.task.cancel()
            await asyncio.wait([pull.task])
        await self._web.close()

    async def records(self, name: Name) -> Records:
        pull = await self._join(name)
        pull.followers += 1
        try:
            async for record in pull.diary.read(pull.task):
                yield record
            pull.task.result()
        finally:
            pull.followers -= 1
            if not pull.followers:
                pull.stopped = True
                pull.task.cancel()

    async def _join(self, name: Name) -> _Pull:
        """What was stopped must have let go of its files before the next one begins."""
        while (pull := self._running.get(name.key)) is not None:
            if not pull.stopped:
                return pull
            await asyncio.wait([pull.task])
        diary = _Diary()
        pull = _Pull(diary, asyncio.create_task(self._work(name, diary.tell)))
        self._running[name.key] = pull
        pull.task.add_done_callback(partial(self._ended, name.key, diary))
        return pull

    def _ended(self, key: str, diary: _Diary, task: "asyncio.Task[None]") -> None:
        del self._running[key]
        diary.wake()
        if not task.cancelled():
            task.exception()

    async def _work(self, name: Name, tell: _Tell) -> None:
        tell(_MANIFEST)
        await in_thread(self._store.workshop.enter)
        if not await in_thread(partial(self._store.revive, name.shortest)):
            await self._fetch(name, tell)
        tell(SUCCESS)

    async def _fetch(self, name: Name, tell: _Tell) -> None:
        source = repository(name)
        if source is None:
            raise ApiError(500, hub.NOT_THERE)
        found = await hub.listing(self._web, source)
        folder = await in_thread(partial(self._make_room, name, found))
        digests = {file.path: await self._file(found, file, folder, tell) for file in found.files}
        tell(_VERIFYING)
        manifest = await in_thread(partial(_describe, name, found, folder, digests, self._now()))
        tell(WRITING)
        await in_thread(partial(self._store.adopt, folder, manifest))

    def _make_room(self, name: Name, found: Listing) -> Path:
        """Where its files go, so that they fit. What is there of an earlier attempt counts."""
        with told():
            pulls = self._store.workshop.folder / PULLS
            folder = pulls / f"{slug(name.shortest)}-{found.commit[:12]}"
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
            for other in pulls.glob(f"{slug(name.shortest)}-*"):
                if other != folder:
                    shutil.rmtree(other)
            here = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            self._store.workshop.require(sum(file.size for file in found.files) - here)
            return folder

    async def _file(self, found: Listing, file: File, folder: Path, tell: _Tell) -> str:
        """Large files tell how they come along, under the digest that they will have."""

        def report(here: int) -> None:
            if file.sha256:
                tell(_pulling(file.sha256, file.size, here))

        report(0)
        with told():
            digest = await download(self._web, found.address(file), file, folder / file.path, report)
        tell(_pulling(digest, file.size, file.size))
        return digest


def present(digest: str, size: int) -> tuple[Progress, ...]:
    """What is told of a model that is here already."""
    return _MANIFEST, _pulling(digest, size, size), _VERIFYING, WRITING, SUCCESS


def _pulling(digest: str, size: int, here: int) -> Progress:
    return Progress(status=f"pulling {digest[:12]}", digest=f"sha256:{digest}", total=size, completed=here)


def _describe(name: Name, found: Listing, folder: Path, digests: Mapping[str, str], at: datetime) -> Manifest:
    whole = hashlib.sha256()
    for path, digest in sorted(digests.items()):
        whole.update(f"{digest}  {path}\n".encode())
    return Manifest(
        name=name.shortest,
        digest=whole.hexdigest(),
        modified_at=at,
        size=sum(file.size for file in found.files),
        license=_license(folder) or found.license[:_LONGEST_LICENSE],
        source=f"{found.repository} at {found.commit}",
        **weights.describe(folder),
    )


def _license(folder: Path) -> str:
    for path in sorted(folder.glob("LICENSE*")):
        if path.stat().st_size <= _LONGEST_LICENSE:
            return path.read_text(encoding="utf-8", errors="replace")
    return ""
