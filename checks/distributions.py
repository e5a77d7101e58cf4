"""What is installed: the .dist-info folders of site-packages."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple


class Listed(NamedTuple):
    """A row of RECORD."""

    path: Path
    digest: str
    """`sha256=...`; empty for what has none, as RECORD itself."""


@dataclass(frozen=True)
class Distribution:
    name: str
    version: str
    info: Path

    @property
    def record(self) -> Path:
        return self.info / "RECORD"

    @property
    def files(self) -> Iterator[Listed]:
        """Each file that its RECORD lists."""
        try:
            text = self.record.read_text("utf-8")
        except FileNotFoundError:
            return
        for row in csv.reader(text.splitlines()):
            if len(row) == 3:
                yield Listed(self.info.parent / row[0], row[1])


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(sites: Iterable[Path]) -> Iterator[Distribution]:
    for info in (each for site in sites for each in sorted(site.glob("*.dist-info"))):
        head = _head(info / "METADATA")
        if "Name" in head and "Version" in head:
            yield Distribution(head["Name"], head["Version"], info)


def _head(metadata: Path) -> Mapping[str, str]:
    try:
        text = metadata.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    return dict(HeaderParser().parsestr(text).items())
