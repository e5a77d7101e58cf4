"""Exact versions on an upstream index: the hashes of their files that fit a base.

An index's pages are read as they are. A resolver would ask further, for what each distribution depends on,
and for one that comes as source it would run that source to find out.
"""

import hashlib
import re
import urllib.error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPResponse
from urllib.parse import unquote, urljoin, urlsplit

from builder.errors import SourceError
from builder.requirements import Requirement
from builder.sources.probe import FAILURES, why
from builder.sources.urls import host_of
from builder.sources.wheels import links_of, matches
from builder.tags import Fit

_SAID = re.compile(r"sha256=([0-9a-f]{64})")
_PIECE = 1 << 20


class SilentIndexError(SourceError):
    """Nobody answers there, or not to us: nothing is known of what the index holds."""


@dataclass(frozen=True)
class UpstreamIndex:
    """An index, what of it is of use, and how this machine gets there (see `Sources.opened`)."""

    url: str
    fit: Fit
    opened: Callable[[str], HTTPResponse]

    def hashed(self, pin: Requirement) -> Requirement:
        """The pin with the hashes of its files. SilentIndexError where the index cannot be asked, SourceError
        where it does not hold them."""
        try:
            hashes = {self._hash(link) for link in self._fitting(pin)}
        except FAILURES as error:
            raise SilentIndexError(
                f"the index at {host_of(self.url)} cannot be asked: {why(error)}"
            ) from None
        if not hashes:
            raise SourceError(
                f"the index at {host_of(self.url)} has no {pin} for Python {self.fit.python} and glibc "
                f"{self.fit.glibc}",
                hint="the index moved on, or the pin in targets.yaml is wrong",
            )
        return Requirement(pin.name, pin.version, pin.marker, tuple(sorted(hashes)))

    def _fitting(self, pin: Requirement) -> Iterator[str]:
        page = f"{self.url.rstrip('/')}/{pin.name}/"
        try:
            with self.opened(page) as answer:
                text = answer.read().decode("utf-8", errors="replace")
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return
        for link in links_of(text):
            filename = unquote(urlsplit(link).path.rpartition("/")[2])
            if matches(filename, pin) and self.fit.takes(filename):
                yield urljoin(page, link)

    def _hash(self, link: str) -> str:
        """What the page says of a file, or else what the file itself gives."""
        if said := _SAID.fullmatch(urlsplit(link).fragment):
            return said[1]
        digest = hashlib.sha256()
        with self.opened(link) as answer:
            while piece := answer.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()
