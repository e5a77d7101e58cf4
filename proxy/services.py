"""What the routes work with."""

from dataclasses import dataclass, field

from proxy.asking.prompting import Gaps
from proxy.catalog import Catalog
from proxy.dialect.answers.records import Clock
from proxy.figures.meters import Meters
from proxy.library import Library
from proxy.notices import Notices


@dataclass(frozen=True, slots=True)
class Services:
    catalog: Catalog
    clock: Clock
    meters: Meters
    library: Library
    notices: Notices = field(default_factory=Notices)
    gaps: Gaps = field(default_factory=Gaps)
