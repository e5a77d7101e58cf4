"""The library on a disk: models are manifests and weights in folders, and a hub is where more come from."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime

import msgspec

from proxy.catalog import Catalog
from proxy.dialect import making, names
from proxy.dialect.names import Name
from proxy.errors import ApiError, EngineUnreadyError
from proxy.hub.names import repository
from proxy.hub.pull import SUCCESS, WRITING, Pulls, present
from proxy.hub.web import Web
from proxy.library import Progress, Records
from proxy.model import Manifest, Model, Overlay
from proxy.store.blobs import Blobs
from proxy.store.disk import Store


class DiskLibrary:
    """`in_use` of the catalog keeps weights that an engine serves."""

    def __init__(self, store: Store, catalog: Catalog, web: Web, now: Callable[[], datetime]) -> None:
        self._pulls = Pulls(store, web, now)
        self._store = store
        self._catalog = catalog
        self._now = now
        self._blobs = Blobs(store.workshop)

    async def open(self) -> None:
        await asyncio.to_thread(self._store.tidy)

    async def close(self) -> None:
        await self._pulls.close()
        self._store.workshop.leave()

    async def copy(self, source: Model, name: Name) -> None:
        manifest = source.manifest
        copied = msgspec.structs.replace(
            manifest, name=name.shortest, base=manifest.base or manifest.name, modified_at=self._now()
        )
        await self._put(copied)

    async def delete(self, model: Model) -> None:
        """What is gone by now is not there, whoever else deleted it."""
        if names.key_of(model.name) in self._catalog.in_use and not self._store.has(model.name):
            raise ApiError(409, f"model '{model.name}' is an engine's own: nothing of it lies here to delete")
        await asyncio.to_thread(self._store.remove, model.name, self._catalog.in_use)

    async def create(self, name: Name, source: Name, given: Overlay) -> Records:
        parent = await self._catalog.find(source.full)
        if parent is None:
            async with aclosing(self.pull(source)) as records:
                async for record in records:
                    if record != SUCCESS:
                        yield record
            parent = await self._catalog.find(source.full)
        if parent is None:
            raise ApiError(500, f"model '{source.shortest}' not found")
        weights_digest = self._weights_digest(parent.manifest)
        manifest = making.made(name.shortest, parent.manifest, weights_digest, given, self._now())
        present = set(making.layers(parent.manifest))
        yield Progress(status=f"using existing layer sha256:{weights_digest}")
        for layer in making.layers(manifest):
            yield Progress(status=f"{'using existing' if layer in present else 'creating new'} layer {layer}")
        yield WRITING
        await self._put(manifest)
        yield SUCCESS

    async def pull(self, name: Name) -> Records:
        """What is here already is not asked for at the hub, by whichever of its names."""
        model = await self._catalog.find(name.full) or await self._by_another_name(name)
        if model is None:
            async with aclosing(self._pulls.records(name)) as records:
                async for record in records:
                    yield record
            return
        for record in present(model.manifest.digest, model.manifest.size):
            yield record

    async def _by_another_name(self, name: Name) -> Model | None:
        """Of several names for the newest of one repository, one may be here: then it gets the other."""
        source = repository(name)
        model = await self._catalog.find(source.name) if source and source.is_newest else None
        if model is not None:
            await self.copy(model, name)
        return model

    async def push(self, name: Name) -> Records:
        yield Progress(status="retrieving manifest")
        if await self._catalog.find(name.full) is None:
            yield Progress(status="couldn't retrieve manifest")
            raise ApiError(404, f"model '{name.shortest}' not found")
        raise ApiError(400, "this server has no registry to push to: what it makes stays here")

    async def load(self, model: Model) -> None:
        """Engines hold the model that they were started with: it is ready, or it is not."""
        if not self._catalog.is_loaded(model):
            raise EngineUnreadyError(f"model '{model.name}' is not loaded: its engine may still be starting")

    async def unload(self, model: Model) -> None:
        """To stop an engine is left to whoever started it."""

    async def has_blob(self, digest: str) -> bool:
        return await asyncio.to_thread(self._blobs.has, digest)

    async def take_blob(self, digest: str, parts: AsyncIterator[bytes], size: int) -> None:
        await self._blobs.take(digest, parts, size)

    async def _put(self, manifest: Manifest) -> None:
        await asyncio.to_thread(self._store.put, manifest, self._catalog.in_use)

    def _weights_digest(self, manifest: Manifest) -> str:
        entry = self._store.weights_of(manifest)
        return entry.manifest.digest if entry else manifest.digest
