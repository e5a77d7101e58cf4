"""What is worth a line in the log, and no more than one."""

import logging
from collections.abc import Iterable

_log = logging.getLogger("proxy.options")


class Notices:
    def __init__(self) -> None:
        self._given: set[str] = set()

    def without_effect(self, options: Iterable[str]) -> None:
        """The names come from a table of ours, never from what a client wrote."""
        for name in sorted(set(options) - self._given):
            self._given.add(name)
            _log.warning("option %s has no effect here, and is ignored", name)
