"""What the routes work with."""

from dataclasses import dataclass

from proxy.catalog import Catalog
from proxy.dialect.answers import Clock
from proxy.meters import Meters


@dataclass(frozen=True, slots=True)
class Services:
    catalog: Catalog
    clock: Clock
    meters: Meters
