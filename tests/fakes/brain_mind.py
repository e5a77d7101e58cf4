"""What the fake model says to what it is asked: always the same to the same, by rules of thumb."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.schema_instance import instance

Asked = Mapping[str, Any]

_TOPICS = {
    "sky": "The sky is blue because air scatters blue light more than red light.",
    "joke": "Why do cats never play cards in the wild? Too many cheetahs.",
    "haiku": "An old silent pond. A frog jumps into the pond. Splash! Silence again.",
    "hello": "Hello! How can I help you today?",
    "hi": "Hi! What can I do for you today?",
    "hey": "Hey! What is on your mind?",
    "capital of france": "The capital of France is Paris.",
}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SIGNS = {"plus": "add", "+": "add", "minus": "subtract", "sum": "add"}
_FILLERS = frozenset({"get", "a", "the", "of", "my", "tool", "function", "two", "numbers"})
_TOKEN = re.compile(r"▁?<\|?\w+\|?>|\s*(?:\w{1,8}|[^\w\s])|\s+")


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    reasoning: str = ""
    calls: tuple[Call, ...] = ()


def tokens(text: str) -> list[str]:
    """Their texts; put together, they are the text again. A marker is one token, as in real vocabularies."""
    return _TOKEN.findall(text)


def answer(asked: Asked, *, thinks: bool) -> Said:
    question = _question(asked["messages"])
    reasoning = f"The user says: {question} I will think about it." if thinks else ""
    effort = asked.get("reasoning_effort")
    if thinks and effort:
        reasoning += f" My effort is {effort}."
    calls = tuple(_calls(asked, question))
    return Said("" if calls else _text(asked, question), reasoning, calls)


def completion(prompt: str) -> str:
    """What comes next; between a beginning and an end, what stands in the middle."""
    if re.search(r"<\|?(fim_middle|MID|fim▁end)|<MID>", prompt):
        return (
            'Keep only the characters that are ASCII. """\n    result = s.encode("ascii", "ignore").decode()'
        )
    return _topic(prompt) or f"So it goes on after: {prompt}"


def texts_of(message: Asked) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if part["type"] == "text")


def parts_of(messages: Sequence[Asked], kind: str) -> list[Asked]:
    """All parts of one kind, in all messages."""
    contents = [message["content"] for message in messages if isinstance(message.get("content"), list)]
    return [part for content in contents for part in content if part["type"] == kind]


def _question(messages: Sequence[Asked]) -> str:
    return next((texts_of(message) for message in reversed(messages) if message["role"] == "user"), "")


def _text(asked: Asked, question: str) -> str:
    form = asked.get("response_format") or {}
    constraint = asked.get("structured_outputs") or {}
    if form.get("type") == "json_schema" or "json" in constraint:
        schema = constraint.get("json") or form["json_schema"]["schema"]
        return json.dumps(instance(schema), ensure_ascii=False)
    if form.get("type") == "json_object":
        return json.dumps(_object(question), ensure_ascii=False)
    if constraint.get("choice"):
        return str(constraint["choice"][0])
    return _prose(asked, question)


def _prose(asked: Asked, question: str) -> str:
    results = list(_results(asked["messages"]))
    if results:
        return f"The tools say: {'; '.join(results)}."
    seen = [
        part["image_url"]["url"].partition(";")[0].removeprefix("data:")
        for part in parts_of(asked["messages"], "image_url")
    ]
    if seen:
        return f"I see {len(seen)} picture(s): {', '.join(seen)}."
    return _sum(question) or _topic(question) or f"You said: {question}"


def _results(messages: Sequence[Asked]) -> Iterator[str]:
    """What tools answered since the user spoke last."""
    since = max((at for at, message in enumerate(messages) if message["role"] == "user"), default=0)
    for message in messages[since:]:
        if message["role"] == "tool":
            yield texts_of(message)


def _topic(question: str) -> str | None:
    return next((told for word, told in _TOPICS.items() if re.search(rf"\b{word}", question.lower())), None)


def _sum(question: str) -> str | None:
    found = re.search(r"(\d+) \+ (\d+)", question)
    return f"{found[0]} is {int(found[1]) + int(found[2])}." if found else None


def _object(question: str) -> dict[str, str]:
    """An object with the keys that the question puts into quotes."""
    keys = re.findall(r"['\"`](\w+)['\"`]", question)
    return {key: f"a {key}" for key in keys} or {"answer": _topic(question) or "yes"}


def _calls(asked: Asked, question: str) -> Iterator[Call]:
    tools, choice = asked.get("tools") or [], asked.get("tool_choice")
    if not tools or choice == "none":
        return
    if choice == "required" or isinstance(choice, dict):
        named = choice["function"]["name"] if isinstance(choice, dict) else tools[0]["function"]["name"]
        tool = next(tool["function"] for tool in tools if tool["function"]["name"] == named)
        yield Call(tool["name"], _arguments(tool, question))
    elif asked["messages"][-1]["role"] == "user":
        yield from _wanted([tool["function"] for tool in tools], question)


def _wanted(tools: Sequence[Asked], question: str) -> Iterator[Call]:
    """For each sentence the tool that it speaks of most."""
    for sentence in map(str.strip, re.split(r"[?!\n]|\. ", question)):
        best = max(tools, key=lambda tool: _fit(tool["name"], sentence))
        if _fit(best["name"], sentence) > 0:
            yield Call(best["name"], _arguments(best, sentence))


def _fit(name: str, sentence: str) -> float:
    if re.search(rf"\b{re.escape(name)}\b", sentence):
        return 2.0
    words = {_SIGNS.get(word, word) for word in re.findall(r"\w+|\+", sentence.lower())}
    named = set(re.split(r"[^a-z]+", name.lower())) - _FILLERS
    return len(named & words) / max(len(named), 1)


def _arguments(tool: Asked, sentence: str) -> dict[str, Any]:
    schema = tool.get("parameters") or {}
    properties = schema.get("properties") or {}
    called = re.search(rf"\b{re.escape(tool['name'])}\(([^)]*)\)", sentence)
    if called:
        values = [json.loads(word) for word in called[1].split(",") if word.strip()]
        return dict(zip(properties, values, strict=False))
    numbers, names = iter(_numbers(sentence)), iter(_names(sentence))
    arguments = {}
    for name, value in properties.items():
        kind = value.get("type")
        numeric = kind in ("integer", "number")
        found: object = next(numbers, None) if numeric else next(names, None) if kind == "string" else None
        arguments[name] = instance(value, name) if found is None else found
    return arguments


def _numbers(sentence: str) -> list[int]:
    words = re.findall(r"\w+", sentence.lower())
    return [
        int(word) if word.isdecimal() else _NUMBERS.index(word)
        for word in words
        if word.isdecimal() or word in _NUMBERS
    ]


def _names(sentence: str) -> list[str]:
    """What is quoted, then what stands with capital letters after the first word."""
    capitalised = re.findall(r"(?<=\s)(?:[A-Z]\w+(?:,? (?=[A-Z]))?)+", sentence)
    return re.findall(r"'([^']+)'", sentence) + capitalised
