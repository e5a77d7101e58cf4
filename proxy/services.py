"""What the routes work with."""

from dataclasses import dataclass, field

from proxy.catalog import Catalog
from proxy.dialect.answers import Clock
from proxy.library import Library
from proxy.meters import Meters
from proxy.notices import Notices
from proxy.prompting import Gaps


@dataclass(frozen=True, slots=True)
class Services:
    catalog: Catalog
    clock: Clock
    meters: Meters
    library: Library
    notices: Notices = field(default_factory=Notices)
    gaps: Gaps = field(default_factory=Gaps)
