"""The table of routes. A handler takes a request apart, asks the services, and puts the answer together;
it knows no engine's dialect."""

from proxy.router import Route
from proxy.routes import embed, generation, models, openai, root
from proxy.services import Services

_READ = ("GET", "HEAD")

ROUTES: tuple[Route[Services], ...] = (
    Route(_READ, "/", root.running),
    Route(_READ, "/health", root.health),
    Route(_READ, "/api/version", root.version),
    Route(_READ, "/api/tags", models.tags),
    Route(("POST",), "/api/show", models.show),
    Route(("GET",), "/api/ps", models.ps),
    Route(("POST",), "/api/generate", generation.generate),
    Route(("POST",), "/api/chat", generation.chat),
    Route(("POST",), "/api/embed", embed.embed),
    Route(("POST",), "/api/embeddings", embed.embeddings),
    Route(("GET",), "/v1/models", openai.models),
    Route(("GET",), "/v1/models/{model}", openai.model),
    Route(("POST",), "/v1/chat/completions", openai.passed_through),
    Route(("POST",), "/v1/completions", openai.passed_through),
    Route(("POST",), "/v1/embeddings", openai.passed_through),
    Route(("POST",), "/v1/rerank", openai.passed_through),
    Route(("POST",), "/v1/responses", openai.passed_through),
    Route(("POST",), "/v1/messages", openai.passed_through),
    Route(("POST",), "/v1/messages/count_tokens", openai.passed_through),
)
