"""What keeps a run of the checks from its verdict, beside the image being wrong."""


class ChecksError(Exception):
    """Wrong usage, or an expectation that nobody can check: one line, and what to do about it."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
