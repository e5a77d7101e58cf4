"""Whether every name of PyTorch's that a library wants is defined by a library of the image.

An extension that was compiled against another PyTorch fails so, when the server loads it.
"""

from checks.linking import TORCH
from checks.subject import Fault, Finding, Subject


def resolved(subject: Subject) -> Finding:
    defined = frozenset[bytes]().union(*(library.defined for library in subject.libraries))
    faults = []
    users = {}
    for library in subject.libraries:
        wanted = sorted(name for name in library.wanted if name.startswith(TORCH))
        if wanted:
            users[library.name] = len(wanted)
        missing = [name for name in wanted if name not in defined]
        if missing and not subject.is_excused(library.name, subject.expect.may_lack):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            faults.append(
                Fault(
                    f"{library.name} wants {missing[0].decode('latin-1')}{more}, which nothing here defines",
                    "it was built for another torch: pin the one that its wheel was built with",
                )
            )
    return Finding(faults, {"libraries": len(users), "symbols": sum(users.values())})
