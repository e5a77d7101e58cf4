"""The part of the engine's configuration that judges what the parser lets through."""

BACKENDS = frozenset(
    {
        *("FLASH_ATTN", "TRITON_ATTN", "FLEX_ATTENTION", "TORCH_SDPA", "CPU_ATTN", "CUSTOM", "NO_ATTENTION"),
        *("ROCM_ATTN", "ROCM_AITER_FA", "ROCM_AITER_MLA", "ROCM_AITER_UNIFIED_ATTN", "ROCM_OCTAVE"),
        *("TRITON_MLA", "TURBOQUANT", "ULTRAQUANT"),
    }
)


class AttentionConfig:
    def __init__(self, backend: str | None = None) -> None:
        if backend is not None and backend.upper() not in BACKENDS:
            raise KeyError(backend)
        self.backend = backend
