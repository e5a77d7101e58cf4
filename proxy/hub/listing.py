"""What a repository of the hub holds, and which of it a model needs."""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from proxy.errors import ApiError, EngineBrokenError
from proxy.hub.names import Repository
from proxy.hub.web import Web
from proxy.upstream import Answer

NOT_THERE = "pull model manifest: file does not exist"
# A model of a thousand files is none of those that engines load.
_MOST_PAGES = 10
_NEXT_PAGE = re.compile(r'<([^>]+)>;\s*rel="next"')
_SAFE_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,200}")

_NEEDED = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "tokenizer.model.v*",
    "tekken.json",
    "*.tiktoken",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.*",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "params.json",
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "[0-9]_*/config.json",
    "[0-9]_*/*.safetensors",
)
# The same weights once more, as their makers' own programs load them.
_TWICE = ("consolidated*.safetensors", "*.fp16.safetensors", "*.bf16.safetensors")


class _Large(msgspec.Struct):
    oid: str
    size: int


class _Item(msgspec.Struct):
    type: str
    path: str
    size: int = 0
    oid: str = ""
    lfs: _Large | None = None


class _Card(msgspec.Struct):
    sha: str
    tags: list[str] = []


@dataclass(frozen=True, slots=True)
class File:
    """`sha256` is known of large files beforehand, `git` of small ones: the name that git has for it."""

    path: str
    size: int
    sha256: str
    git: str


@dataclass(frozen=True, slots=True)
class Listing:
    repository: str
    commit: str
    license: str
    files: tuple[File, ...]

    def address(self, file: File) -> str:
        return f"/{self.repository}/resolve/{self.commit}/{quote(file.path)}"


async def listing(web: Web, repository: Repository) -> Listing:
    """Raises `ApiError` where the hub does not show it."""
    base = f"/api/models/{repository.name}"
    card = _decoded(await _asked(web, f"{base}/revision/{quote(repository.revision, safe='')}"), _Card)
    if not re.fullmatch("[0-9a-f]{40}", card.sha):
        raise _garbled()
    files = needed(await _tree(web, f"{base}/tree/{card.sha}?recursive=true"))
    if not any(file.path.endswith(".safetensors") for file in files):
        raise ApiError(400, f"pull model manifest: {repository.name} has no safetensors to load")
    licenses = [tag.partition(":")[2] for tag in card.tags if tag.startswith("license:")]
    return Listing(repository.name, card.sha, ", ".join(licenses), tuple(files))


async def _tree(web: Web, page: str) -> list[File]:
    files: list[File] = []
    for _ in range(_MOST_PAGES):
        with closing(await web.get(page)) as answer:
            items = _decoded(await _body(answer, web), list[_Item])
            following = _NEXT_PAGE.search(answer.headers.get("link", ""))
        files += [_file(item) for item in items if item.type == "file" and is_safe(item.path)]
        if following is None:
            return files
        page = following[1]
    raise _garbled()


def _file(item: _Item) -> File:
    if item.lfs is None:
        return File(item.path, item.size, "", item.oid)
    sha256 = item.lfs.oid.removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise _garbled()
    return File(item.path, item.lfs.size, sha256, "")


def is_safe(path: str) -> bool:
    """Whether it stays within the folder that it is put into. What does not is left out."""
    return all(_SAFE_PART.fullmatch(part) for part in path.split("/"))


def needed(files: Iterable[File]) -> list[File]:
    """Small ones first: what is wrong with them shows before hours are spent."""
    wanted = [file for file in files if _matches(file.path, _NEEDED)]
    once = [file for file in wanted if not _matches(file.path, _TWICE)]
    if any(file.path.endswith(".safetensors") for file in once):
        wanted = once
    return sorted(wanted, key=lambda file: (bool(file.sha256), file.path))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    """A pattern without a slash is for the top folder."""
    depth = path.count("/")
    return any(depth == one.count("/") and fnmatch.fnmatchcase(path, one) for one in patterns)


async def _asked(web: Web, path: str) -> bytes:
    with closing(await web.get(path)) as answer:
        return await _body(answer, web)


async def _body(answer: Answer, web: Web) -> bytes:
    if answer.status != 200:
        raise refused(answer.status, answer.headers, web)
    return await answer.whole()


def refused(status: int, headers: Mapping[str, str], web: Web) -> ApiError:
    """The hub hides what is private: it says of it what it says of nothing."""
    code = headers.get("x-error-code", "")
    if code == "GatedRepo" or status == 403:
        how = "accept its terms at the hub, then start this server with a token of that account in HF_TOKEN"
        return ApiError(403, f"pull model manifest: the model is gated: {how}")
    if "Invalid credentials" in headers.get("x-error-message", ""):
        return ApiError(401, "pull model manifest: the hub does not know the token in HF_TOKEN")
    if status in (401, 404):
        return ApiError(500, NOT_THERE)
    return EngineBrokenError(f"pull model manifest: the hub at {web.url} answered with status {status}")


def _decoded(body: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - what was asked for
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise _garbled() from None


def _garbled() -> ApiError:
    return ApiError(502, "pull model manifest: the hub sent something that is no listing of a model")
