"""API keys: who may call where any are set. Only their digests are kept."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from proxy.errors import ApiError
from proxy.http.asgi import Request

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KEY = re.compile(r"[\x21-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Key:
    """`name` may be shown, in figures for example; the key itself is never."""

    name: str
    digest: bytes


class KeysError(ValueError):
    """Says which line is at fault, and never what stands there."""


def read_keys(text: str) -> tuple[Key, ...]:
    """One key in a line, as `name:key` or alone. Lines that are empty or begin with `#` do not count."""
    keys: list[Key] = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            keys.append(_read_line(stripped, number))
    for what, seen in (("name", [key.name for key in keys]), ("key", [key.digest for key in keys])):
        if len(set(seen)) < len(seen):
            raise KeysError(f"a {what} stands there twice")
    if not keys:
        raise KeysError("there is no key in it")
    return tuple(keys)


def _read_line(line: str, number: int) -> Key:
    name, colon, key = line.partition(":")
    if not colon:
        name, key = f"key-{number}", line
    name, key = name.strip(), key.strip()
    if not _NAME.fullmatch(name) or not _KEY.fullmatch(key):
        raise KeysError(f"line {number} is neither KEY nor NAME:KEY")
    return Key(name, _digest(key))


class Keyring:
    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = tuple(keys)

    def caller(self, request: Request) -> str:
        """The name of the key that came along; none is asked for where none is set."""
        if not self._keys:
            return ""
        given = _given(request)
        if not given:
            raise _refusal("an API key is needed: send it as 'Authorization: Bearer KEY'")
        digest = _digest(given)
        found = [key.name for key in self._keys if hmac.compare_digest(key.digest, digest)]
        if not found:
            raise _refusal("this API key is not known here", error="invalid_token")
        return found[0]


def _given(request: Request) -> str:
    scheme, _, key = request.header("authorization").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return request.header("x-api-key").strip()


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _refusal(message: str, error: str = "") -> ApiError:
    challenge = 'Bearer realm="gfxpack"' + (f', error="{error}"' if error else "")
    return ApiError(401, message, headers={"www-authenticate": challenge})
