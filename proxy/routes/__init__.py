"""The table of routes. A handler takes a request apart, asks the services, and puts the answer together;
it knows no engine's dialect."""

from proxy.router import Route
from proxy.routes import account, embed, generation, metrics, models, openai, root
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
    Route(("POST",), "/api/generate", generation.generate, infers=True),
    Route(("POST",), "/api/chat", generation.chat, infers=True),
    Route(("POST",), "/api/embed", embed.embed, infers=True),
    Route(("POST",), "/api/embeddings", embed.embeddings, infers=True),
    Route(("GET",), "/v1/models", openai.models),
    Route(("GET",), "/v1/models/{model}", openai.model),
    Route(("POST",), "/v1/chat/completions", openai.passed_through, infers=True),
    Route(("POST",), "/v1/completions", openai.passed_through, infers=True),
    Route(("POST",), "/v1/embeddings", openai.passed_through, infers=True),
    Route(("POST",), "/v1/rerank", openai.passed_through, infers=True),
    Route(("POST",), "/v1/responses", openai.passed_through, infers=True),
    Route(("POST",), "/v1/messages", openai.passed_through, infers=True),
    Route(("POST",), "/v1/messages/count_tokens", openai.passed_through, infers=True),
)
