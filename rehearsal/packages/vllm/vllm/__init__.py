"""A stand-in for vLLM: its command line, its settings and how it finds its platform."""

__version__ = "@VERSION@"
