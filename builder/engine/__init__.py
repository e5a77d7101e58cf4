"""The container engine: reaching it, installing one, building images and bases with it."""

from builder.engine.client import Engine, ImageFacts, connect

__all__ = ["Engine", "ImageFacts", "connect"]
