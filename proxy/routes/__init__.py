"""The table of routes. A handler takes a request apart, asks the services, and puts the answer together;
it knows no engine's dialect."""

from proxy.http.router import Route
from proxy.routes import account, embed, generation, library, metrics, models, rerank, root, tokens, v1
from proxy.services import Services

_READ = ("HEAD", "GET")

ROUTES: tuple[Route[Services], ...] = (
    Route(_READ, "/", root.running, open=True),
    Route(_READ, "/health", root.health, open=True),
    Route(_READ, "/metrics", metrics.metrics),
    Route(_READ, "/api/version", root.version),
    Route(("GET",), "/api/status", account.status),
    Route(("POST",), "/api/me", account.me),
    Route(("POST",), "/api/signout", account.signout),
    Route(("DELETE",), "/api/user/keys/{key}", account.signout),
    Route(("POST",), "/api/experimental/web_search", account.web),
    Route(("POST",), "/api/experimental/web_fetch", account.web),
    Route(("GET",), "/api/experimental/model-recommendations", account.recommendations),
    Route(_READ, "/api/tags", models.tags),
    Route(("POST",), "/api/show", models.show),
    Route(("GET",), "/api/ps", models.ps),
    Route(("POST",), "/api/create", library.create),
    Route(("POST",), "/api/copy", library.copy),
    Route(("DELETE",), "/api/delete", library.delete),
    Route(("POST",), "/api/pull", library.pull),
    Route(("POST",), "/api/push", library.push),
    Route(("HEAD",), "/api/blobs/{digest}", library.has_blob),
    Route(("POST",), "/api/blobs/{digest}", library.take_blob, streams=True),
    Route(("POST",), "/api/generate", generation.generate, infers=True),
    Route(("POST",), "/api/chat", generation.chat, infers=True),
    Route(("POST",), "/api/embed", embed.embed, infers=True),
    Route(("POST",), "/api/embeddings", embed.embeddings, infers=True),
    Route(("POST",), "/api/rerank", rerank.ollama, infers=True),
    Route(("POST",), "/api/tokenize", tokens.tokenize, infers=True),
    Route(("POST",), "/api/detokenize", tokens.detokenize, infers=True),
    Route(("GET",), "/v1/models", v1.models.models),
    Route(("GET",), "/v1/models/{model}", v1.models.model),
    Route(("POST",), "/v1/chat/completions", v1.generation.generation, infers=True),
    Route(("POST",), "/v1/completions", v1.generation.generation, infers=True),
    Route(("POST",), "/v1/responses", v1.generation.generation, infers=True),
    Route(("GET", "POST"), "/v1/responses/{response}", v1.responses.kept),
    Route(("POST",), "/v1/messages", v1.generation.generation, infers=True),
    Route(("POST",), "/v1/messages/count_tokens", v1.generation.generation, infers=True),
    Route(("POST",), "/v1/systemone", v1.generation.generation, infers=True),
    Route(("POST",), "/v1/audio/transcriptions", v1.audio.heard, infers=True),
    Route(("POST",), "/v1/audio/translations", v1.audio.heard, infers=True),
    Route(("POST",), "/v1/embeddings", v1.embeddings.embeddings, infers=True),
    Route(("POST",), "/v1/rerank", rerank.jina, infers=True),
    Route(("POST",), "/rerank", rerank.jina, infers=True),
    Route(("POST",), "/v2/rerank", rerank.jina, infers=True),
)
