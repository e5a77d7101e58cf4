"""A stand-in for Triton: it compiles its launcher's stub as the real one does, and no kernels."""

__version__ = "@VERSION@"
