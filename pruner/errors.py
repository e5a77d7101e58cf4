"""What can go wrong.

PrunerError            the whole run cannot go on: wrong arguments, a root that is not there
Refused                one file is left as it is, for a reason that its report gives
    Malformed          because what it says of itself cannot be true
    Changed            because somebody wrote to it meanwhile
"""


class PrunerError(Exception):
    """A run that cannot go on: one line of what is wrong, and what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(Exception):  # noqa: N818 - not an error of the run: a decision about one file
    """This file stays as it is. The text says why, in one line."""


class NotOurs(Refused):
    """There is nothing to take out of this file, or nothing that its owner would miss the pruner for."""


class Malformed(Refused):
    """The file contradicts itself: truncated, lying or hostile."""


class Changed(Refused):
    """The file is not the one any more that was read at first."""


class Unproven(Refused):
    """The new file could not be shown to be right; the old one stays. A defect here, or a bad disk."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the pruned file did not pass its verification: {what}")
