"""The attention backends."""


class AttentionConfig:
    def __init__(self, backend: str) -> None:
        self.backend = {"TRITON_ATTN": 1, "FLASH_ATTN": 2}[backend.upper()]
