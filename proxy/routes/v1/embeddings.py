"""Embeddings as OpenAI's clients ask for them."""

from collections.abc import Callable, Mapping, Sequence

from proxy.dialect.bodies.decoding import decode
from proxy.dialect.embeddings import Text, fitted, openai_texts_of, takes_tokens
from proxy.dialect.messages import OpenAIEmbedRequest
from proxy.dialect.passing.packing import packed
from proxy.errors import ApiError
from proxy.http.asgi import Reply, Request, json_reply
from proxy.model import Model
from proxy.routes import finding
from proxy.routes.embed import embedded, find_embedding
from proxy.routes.v1.bodies import body_of
from proxy.services import Services

_Write = Callable[[list[float]], object]
_FORMATS: Mapping[str, _Write] = {"": list, "float": list, "base64": packed}


async def embeddings(request: Request, services: Services) -> Reply:
    asked = decode(body_of(request), OpenAIEmbedRequest)
    write = _FORMATS.get(asked.encoding_format.lower())
    if write is None:
        told = asked.encoding_format[:40]
        raise ApiError(
            400, f"Invalid value for 'encoding_format' = {told}. Supported values: ['float', 'base64']."
        )
    finding.require_name(asked.model, finding.EMBED)
    texts = openai_texts_of(asked.input)
    model = await find_embedding(request, services, asked.model, finding.EMBED)
    _check(texts, model, asked.model)
    found = await embedded(request, services, model, texts, truncate=asked.truncate)
    vectors = [
        {"object": "embedding", "index": index, "embedding": write(fitted(vector, asked.dimensions))}
        for index, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return json_reply({"object": "list", "data": vectors, "model": asked.model, "usage": usage})


def _check(texts: Sequence[Text], model: Model, name: str) -> None:
    if not takes_tokens(model.owner) and any(isinstance(text, list) for text in texts):
        raise ApiError(400, f'"{name}" takes texts and no tokens: its server makes tokens by itself')
