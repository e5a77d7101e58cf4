"""Texts as vectors: what an embeddings server says, by as many questions as it takes."""

from collections.abc import Sequence
from contextlib import closing

from proxy.asking.batching import in_order
from proxy.dialect import errors
from proxy.dialect.embeddings import Batch, Text, batches, question, read_batch, was_cut
from proxy.errors import ApiError
from proxy.model import Model
from proxy.upstream import Upstream

_PATH = "/v1/embeddings"


async def of_texts(server: Upstream, model: Model, texts: Sequence[Text], *, truncate: bool) -> Batch:
    """One vector for each text, in order, and the number of tokens in all of them."""

    async def ask(part: Sequence[Text]) -> Batch:
        found = await _ask(server, model, part, truncate=truncate)
        if not truncate and was_cut(found.tokens, owner=model.owner, context=model.context_length):
            raise ApiError(400, errors.CONTEXT_EXCEEDED)
        return found

    found = await in_order(ask, batches(texts, owner=model.owner, truncate=truncate))
    return Batch(
        [vector for batch in found for vector in batch.vectors], sum(batch.tokens for batch in found)
    )


async def _ask(server: Upstream, model: Model, texts: Sequence[Text], *, truncate: bool) -> Batch:
    body = question(model.served, texts, owner=model.owner, truncate=truncate)
    with closing(await server.post(_PATH, body)) as answer:
        whole = await answer.whole()
    if answer.status != 200:
        raise errors.from_engine_error(answer.status, whole, model=model.full_name)
    return read_batch(whole, len(texts), owner=model.owner)
