"""Which models there are: what the models' folder describes, and what the servers say they serve.

Either source may be absent. A model that is served but not described is shown with what is known."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from proxy.dialect import names
from proxy.dialect.prompts import insert
from proxy.model import Inside, Manifest, Model, Role
from proxy.store import Store
from proxy.upstream import Upstream

# A served context or a new model is noticed after this long at the latest.
_FRESH_SECONDS = 30.0
# Who waits for a silent server waits as long as a probe may take, which is a second: no more than one request
# in so many seconds should. A server that comes back is noticed after this long at the latest.
_SILENT_SECONDS = 5.0
_DEFAULT_CAPABILITIES: dict[Role, tuple[str, ...]] = {"chat": ("completion",), "embedding": ("embedding",)}


class _Card(msgspec.Struct):
    id: str
    max_model_len: int | None = None
    owned_by: str | None = None
    meta: Any = None

    @property
    def context(self) -> int | None:
        """vLLM says it in one place, llama-server in another."""
        told = self.meta.get("n_ctx") if isinstance(self.meta, dict) else None
        return self.max_model_len or (told if isinstance(told, int) and told > 0 else None)


class _Cards(msgspec.Struct):
    data: list[_Card]


class _Listing:
    """What one server last said it serves, and whether it said so when it was last asked."""

    def __init__(self, server: Upstream) -> None:
        self._server = server
        self._asked_at = float("-inf")
        self._silent_until = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self.cards: dict[str, _Card] = {}
        self.answers = False

    async def refresh(self) -> None:
        """Ask again, unless it was silent a moment ago. All who come meanwhile wait for the same answer."""
        if self._asking is None and time.monotonic() < self._silent_until:
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        cards: list[_Card] | None = None
        try:
            cards = _read_cards(await self._server.probe("/v1/models"))
        except TimeoutError:
            self._silent_until = time.monotonic() + _SILENT_SECONDS
        finally:
            self._asking = None
        self._asked_at = time.monotonic()
        self.answers = cards is not None
        if cards is not None:
            self.cards = {names.key_of(card.id): card for card in cards}

    @property
    def stale(self) -> bool:
        return not self.answers or time.monotonic() - self._asked_at > _FRESH_SECONDS


class Catalog:
    """`servers` holds the one for chat, and may hold one for embeddings. `on_gpu` names those that keep their
    models on a GPU."""

    def __init__(
        self,
        store: Store,
        servers: Mapping[Role, Upstream],
        now: Callable[[], datetime],
        on_gpu: Collection[Role] = (),
    ) -> None:
        self._store = store
        self._on_gpu = on_gpu
        self._now = now
        self._servers = servers
        self._listings = {role: _Listing(server) for role, server in servers.items()}
        self._first_seen: dict[str, datetime] = {}
        self._sources: tuple[object, ...] = (None,) * (1 + len(servers))
        self._known: dict[str, Model] = {}

    def server(self, model: Model) -> Upstream:
        """The server that answers for this model."""
        return self._servers.get(model.role, self._servers["chat"])

    async def all(self) -> list[Model]:
        await asyncio.gather(*(listing.refresh() for listing in self._listings.values()))
        return list(self._models().values())

    async def find(self, text: str) -> Model | None:
        """The model that a client means by this name. Only its own server is asked, where it is known."""
        key = names.key_of(text)
        known = self._models().get(key)
        if known is None:
            return await self._search(key)
        listing = self._listing(known.role)
        if not listing.stale:
            return known
        await listing.refresh()
        return self._models().get(key)

    async def _search(self, key: str) -> Model | None:
        """Any server may have begun to serve it; those that are slower than the one that did are not waited
        for."""
        stale = [listing.refresh() for listing in self._listings.values() if listing.stale]
        for answer in asyncio.as_completed(stale):
            await answer
            found = self._models().get(key)
            if found is not None:
                return found
        return None

    async def answering(self) -> dict[Role, bool]:
        """Of each server, whether it says what it serves."""
        await asyncio.gather(*(listing.refresh() for listing in self._listings.values()))
        return {role: listing.answers for role, listing in self._listings.items()}

    async def loaded(self) -> list[Model]:
        """What the servers hold, each once: what leans on the weights of another one is not counted again."""
        held = [model for model in await self.all() if self.is_loaded(model)]
        return [model for model in held if names.key_of(model.served) == names.key_of(model.name)]

    def is_loaded(self, model: Model) -> bool:
        """Whether a server offers it right now, as far as the last question told."""
        listing = self._listing(model.role)
        return listing.answers and names.key_of(model.served) in listing.cards

    def on_gpu(self, model: Model) -> bool:
        return model.role in self._on_gpu

    @property
    def in_use(self) -> frozenset[str]:
        """The keys of the names that the servers offer, as far as the last questions told."""
        return frozenset(key for listing in self._listings.values() for key in listing.cards)

    async def inside(self, model: Model, *, tensors: bool) -> Inside:
        """What the files of its weights tell, where they are here."""
        return await asyncio.to_thread(self._store.inside, model.manifest, tensors=tensors)

    @property
    def complete(self) -> bool:
        """Whether every server has said what it serves, so that a name that is not here does not exist."""
        return all(listing.answers for listing in self._listings.values())

    def _listing(self, role: Role) -> _Listing:
        return self._listings.get(role, self._listings["chat"])

    def _models(self) -> dict[str, Model]:
        """By their names' keys, newest first; those that are only served are as old as this server."""
        sources = (self._store.manifests(), *(listing.cards for listing in self._listings.values()))
        if any(now is not before for now, before in zip(sources, self._sources, strict=True)):
            self._known = self._put_together()
            self._sources = sources
        return self._known

    def _put_together(self) -> dict[str, Model]:
        models: dict[str, Model] = {}
        for manifest in self._store.manifests():
            models.setdefault(names.key_of(manifest.name), self._described(manifest))
        for role, listing in self._listings.items():
            for key, card in listing.cards.items():
                if key not in models:
                    models[key] = self._only_served(card, role)
        return dict(sorted(models.items(), key=lambda one: one[1].manifest.modified_at, reverse=True))

    def _described(self, manifest: Manifest) -> Model:
        weights = manifest.base or manifest.name
        card = self._listing(manifest.role).cards.get(names.key_of(weights))
        return Model(
            manifest=manifest,
            served=card.id if card else weights,
            context_length=(card.context if card else None) or manifest.context_length,
            capabilities=insert.abilities(
                manifest, manifest.capabilities or _DEFAULT_CAPABILITIES[manifest.role]
            ),
            certain=manifest.capabilities is not None,
            owner=(card.owned_by if card else None) or "",
        )

    def _only_served(self, card: _Card, role: Role) -> Model:
        parsed = names.parse(card.id)
        manifest = Manifest(
            name=parsed.shortest if parsed else card.id,
            role=role,
            digest=hashlib.sha256(f"served as {names.key_of(card.id)}".encode()).hexdigest(),
            modified_at=self._first_seen.setdefault(card.id, self._now()),
        )
        capabilities = insert.abilities(manifest, _DEFAULT_CAPABILITIES[role])
        return Model(manifest, card.id, card.context, capabilities, certain=False, owner=card.owned_by or "")


def _read_cards(body: bytes | None) -> list[_Card] | None:
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=_Cards).data
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
