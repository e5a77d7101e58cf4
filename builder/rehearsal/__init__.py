"""The true Dockerfile of a target, run from end to end without upstream's packages.

Stand-ins (`rehearsal/`) are compiled and packed here for what a target's lock pins; the catalog and the
inputs are transformed so that they pin those; what follows is the ordinary render and the ordinary build.
"""

from builder.rehearsal.prepare import Rehearsal, prepare
from builder.rehearsal.transform import LABEL, tagged

__all__ = ["LABEL", "Rehearsal", "prepare", "tagged"]
