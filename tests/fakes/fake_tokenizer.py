"""A tokenizer that a reader can follow: special markers and words are one token each, in the order in which
they were first seen."""

import re
from itertools import count
from typing import Any

BEGINNING = "<s>"
_PIECES = re.compile(r"<[^<>\s]+>|\[[A-Z]+\]|\s*[^\s<\[]+|\s+|[<\[]")


class FakeTokenizer:
    """`unknown` are markers that this model was not trained with, and `together` are texts that are one token
    though they do not look so. `begins` says whether a special token stands before every text. `ending` is
    what the template puts behind the assistant's mark."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {BEGINNING: 1}
        self._texts: dict[int, str] = {1: BEGINNING}
        self._next = count(100)
        self.unknown: set[str] = set()
        self.together: set[str] = set()
        self.begins = True
        self.ending = ""

    def ids(self, text: str, *, special: bool = False) -> list[int]:
        pieces = [text] if text in self.together else _PIECES.findall(text)
        found = [self._id(part) for piece in pieces for part in self._parts(piece)]
        return [1, *found] if special and self.begins else found

    def text(self, ids: list[int]) -> str:
        return "".join(self._texts[one] for one in ids)

    def knows(self, one: int) -> bool:
        return one in self._texts

    def chat(self, messages: list[dict[str, Any]]) -> str:
        """A chat as a template would have it."""
        turns = [f"<|{one['role']}|>{_content(one)}<|end|>" for one in messages]
        return (BEGINNING if self.begins else "") + "".join(turns) + f"<|assistant|>{self.ending}"

    def _parts(self, piece: str) -> list[str]:
        return list(piece) if piece in self.unknown else [piece]

    def _id(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = next(self._next)
            self._texts[self._ids[piece]] = piece
        return self._ids[piece]


def _content(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    calls = "".join(f" call:{call['function']['name']}" for call in message.get("tool_calls", ()))
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return "".join(part.get("text", "<image>") for part in parts) + calls
