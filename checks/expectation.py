"""What an image is to be, as its target says: the schema of checks.json, and reading it strictly."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as short
from typing import Any

from checks.errors import ChecksError
from pruner.archs import Ptx, parse_archs
from pruner.errors import PrunerError

FORMAT = 1
VENDORS = {"nvidia": "sm_", "amd": "gfx", "none": ""}
"""Vendor -> how its chips' names begin."""
ENGINES = ("", "vllm")


def _key(check: Callable[[Any], bool], kind: str, **default: Any) -> Any:  # noqa: ANN401 - as field() does
    return field(metadata={"check": check, "kind": kind}, **default)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(?:[0-9a-f]{64})?", value) is not None


def _is_path(value: object) -> bool:
    return isinstance(value, str) and not value.startswith("/") and ".." not in value.split("/")


def _is_paths(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_path, value))


def _is_user(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]+:[0-9]+", value) is not None


def _text() -> Any:  # noqa: ANN401
    return _key(_is_text, "a text")


def _texts() -> Any:  # noqa: ANN401
    return _key(_is_texts, "a list of texts", default=())


def _table() -> Any:  # noqa: ANN401
    return _key(_is_table, "a mapping of texts to texts", default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """checks.json. Paths are below the image's root, without the first slash."""

    format: int = _key(lambda value: value == FORMAT, f"the number {FORMAT}")
    image: str = _text()
    target: str = _text()
    vendor: str = _key(VENDORS.__contains__, f"one of {', '.join(VENDORS)}")
    archs: tuple[str, ...] = _key(_is_texts, "a list of texts")
    """The chips whose code the image holds: gfx1151, sm_90."""
    engine: str = _key(ENGINES.__contains__, f"one of {ENGINES}", default="")
    """Which server is to start; empty: none that these checks know."""
    venv: str = _key(_is_path, "a path below the root", default="opt/venv")
    """Python's environment; empty where there is none."""
    trees: tuple[str, ...] = _key(_is_paths, "a list of paths below the root", default=("opt", "usr"))
    """Folders whose libraries must find each other and hold no foreign code."""
    user: str = _key(_is_user, "a numeric user and group such as 10001:0", default="0:0")
    """Who starts the server."""
    versions: Mapping[str, str] = _table()
    """Distribution -> its exact version."""
    least: Mapping[str, str] = _table()
    """Distribution -> the version that security asks for at least."""
    fingerprint: str = _key(_is_digest, "64 hexadecimal digits, or nothing", default="")
    """Of Triton, as a verdict reports it; empty: any."""
    without: Mapping[str, str] = _table()
    """Distributions that others require and this image lacks, or has in another version -> the reason."""
    driver_libraries: tuple[str, ...] = _texts()
    """Libraries that the host's driver brings at run time: libcuda.so.1."""
    may_lack: Mapping[str, str] = _table()
    """Pattern of libraries, below the root or site-packages, that may lack others or symbols -> the why."""
    kpack: tuple[str, ...] = _texts()
    """Below site-packages, with {arch}: each names one archive at least, for each chip."""
    ptx: str = _key([*Ptx].__contains__, f"one of {', '.join(Ptx)}", default=Ptx.NEEDED.value)
    embedded: bool = _key(lambda value: isinstance(value, bool), "true or false", default=False)
    """With `ptx`, what the pruner was asked for."""
    accept: tuple[str, ...] = _texts()
    """Patterns of files, below the root or site-packages, that may be without code for the chip."""
    args: tuple[str, ...] = _texts()
    """Flags that the server always gets."""
    env: Mapping[str, str] = _table()
    """What the image sets."""

    @property
    def uid_gid(self) -> tuple[int, int]:
        uid, _, gid = self.user.partition(":")
        return int(uid), int(gid)


_HINT = "the builder renders checks.json: render again with the version that brings these checks"


def load(path: Path) -> Expectation:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ChecksError(
            f"cannot read {path}: {error.strerror}", hint="name the file that says what is expected"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ChecksError(f"{path} is no JSON: {error}", hint=_HINT) from None
    try:
        return parse(content)
    except ChecksError as error:
        raise ChecksError(f"{path}: {error.message}", hint=error.hint) from None


def parse(content: object) -> Expectation:
    if not isinstance(content, dict):
        raise ChecksError(f"{short(content)} is no mapping of keys", hint=_HINT)
    known = {each.name: each for each in fields(Expectation)}
    for key in content:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ChecksError(
                f"{key!r} is no key that is known here", hint=f"did you mean {near[0]}?" if near else _HINT
            )
    values: dict[str, Any] = {}
    for key, each in known.items():
        if key in content:
            value = content[key]
            if not each.metadata["check"](value):
                raise ChecksError(f"{key} is {short(value)}, not {each.metadata['kind']}", hint=_HINT)
            values[key] = tuple(value) if isinstance(value, list) else value
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ChecksError(f"{key} is not given", hint=_HINT)
    expect = Expectation(**values)
    _check_archs(expect)
    return expect


def _check_archs(expect: Expectation) -> None:
    prefix = VENDORS[expect.vendor]
    if bool(expect.archs) != bool(prefix):
        raise ChecksError(
            f"vendor {expect.vendor} with archs {list(expect.archs)}", hint="a GPU target names its chips"
        )
    for arch in expect.archs:
        if not arch.startswith(prefix):
            raise ChecksError(
                f"{arch!r} is no chip of vendor {expect.vendor}", hint=f"they begin with {prefix}"
            )
    try:
        parse_archs(expect.archs or ("sm_90",))
    except PrunerError as error:
        raise ChecksError(error.message, hint=error.hint) from None
