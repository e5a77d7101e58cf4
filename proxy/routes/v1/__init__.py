"""The routes of OpenAI's and Anthropic's dialects. Engines speak most of them: they pass through."""

from proxy.routes.v1 import audio, embeddings, generation, models, responses

__all__ = ["audio", "embeddings", "generation", "models", "responses"]
