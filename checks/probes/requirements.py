"""Which requirements of installed distributions are not met, as JSON: `requirements.py SITE-PACKAGES...`."""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, distributions
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


def main(sites: list[str]) -> None:
    there = {canonicalize_name(each.metadata["Name"]): each for each in distributions(path=sites)}
    rows = [
        {"distribution": name, "requirement": text, "needs": needs, "there": version}
        for name, each in sorted(there.items())
        for text in each.requires or ()
        for needs, version in unmet(text, there)
    ]
    print(json.dumps(rows))


def unmet(text: str, there: Mapping[Any, Distribution]) -> list[tuple[str, str]]:
    """What is required and which version of it there is, if that does not do."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return [(text.split(maxsplit=1)[0], "no requirement that can be read")]
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return []
    found = there.get(canonicalize_name(requirement.name))
    if found and (requirement.url or requirement.specifier.contains(found.version, prereleases=True)):
        return []
    return [(requirement.name, found.version if found else "")]


main(sys.argv[1:])
