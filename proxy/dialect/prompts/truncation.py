"""What may be left out of a chat that is too long, in which order, and how long one is at the most."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.dialect.messages import Message

# What templates put around each message, and at the start of a chat.
_AROUND_A_MESSAGE = 64
_AROUND_A_CHAT = 256
# Templates may spread the tools over many lines.
_SPREAD_OF_TOOLS = 3

_TOLD = re.compile(r"context (?:length|size)\D{0,12}(\d+)")


@dataclass(frozen=True, slots=True)
class Cuts:
    """Ways to make a chat shorter, each shorter than the one before. `starts` says of each where what stays
    begins among the messages that are not the system's, and whether the last question stays, too."""

    system: list[int]
    others: list[int]
    question: list[int]
    starts: list[tuple[int, bool]]

    def __len__(self) -> int:
        return len(self.starts)

    def kept(self, number: int) -> list[int]:
        """The places of the messages that stay."""
        start, asked = self.starts[number]
        return sorted([*self.system, *(self.question if asked else ()), *self.others[start:]])


def cuts(messages: Sequence[Message]) -> Cuts:
    """System messages stay, and so does the last message. Whole turns go first, from a user's message to the
    next: most templates demand that users and assistants take turns. Of the last turn, answers go before
    the question does, each call of a tool together with its results."""
    roles = [message.role.lower() for message in messages]
    system = [place for place, role in enumerate(roles) if role == "system"]
    others = [place for place, role in enumerate(roles) if role != "system"]
    turns = [number for number, place in enumerate(others) if roles[place] == "user"]
    last = turns[-1] if turns else 0
    question = others[last : last + 1] if turns else []
    answers = [number for number in range(last, len(others)) if roles[others[number]] not in ("user", "tool")]
    starts = [(number, False) for number in turns if number > 0]
    starts += [(number, bool(question)) for number in answers[1:]]
    if question and answers:
        starts.append((answers[-1], False))
    return Cuts(system, others, question, starts)


def most_tokens(body: dict[str, Any]) -> int:
    """No tokenizer makes more tokens of this prompt: every token takes a byte at least."""
    prompt = body.get("prompt")
    if prompt is not None:
        return len(prompt) if isinstance(prompt, list) else len(prompt.encode()) + _AROUND_A_MESSAGE
    messages = body["messages"]
    tools = len(msgspec.json.encode(body.get("tools", []))) * _SPREAD_OF_TOOLS
    return len(msgspec.json.encode(messages)) + _AROUND_A_MESSAGE * len(messages) + _AROUND_A_CHAT + tools


def told_context(refusal: bytes) -> int | None:
    """How much the engine takes, where it says so when it refuses what is too long."""
    match = _TOLD.search(refusal.decode("utf-8", "replace"))
    return int(match[1]) if match else None
