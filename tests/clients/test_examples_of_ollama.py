"""The examples in the sdist of Ollama's Python client, as they are."""

import re
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.environments import examples_of_ollama, python_of, version_of
from tests.clients.passes import Row, hold
from tests.clients.running import Done, Served, run

pytestmark = pytest.mark.clients

_SKY = r"The sky is blue because air scatters blue light more than red light\."
_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Example:
    """What it must print, as patterns in this order. `ends` is what it complains of at its end, where it goes
    on until its input is over."""

    prints: tuple[str, ...]
    stdin: str = ""
    ends: str = ""


_TOOL_FOR_TWO_NUMBERS = Example(
    (r"Calling function: add_two_numbers\n", r"{'a': 3, 'b': 1}", r"output: 4\n", r"The tools say: 4\.")
)
_FRIENDS = Example((r"^friends=\[FriendInfo\(name='a name', age=1, is_available=True\)\]$",))
_LOGPROBS = (r"token='Hi' +logprob=-0\.250", r"alt -> 'Hi1' +\(-0\.500\)", r"alt -> 'Hi2'", r"token='\?'")
_TWO_TOOLS = (
    r"The user says: What is the weather like in London\?",
    r"get_weather .*with arguments:\s+{'city': 'London'}",
    r"get_weather_conditions .*with arguments:\s+{'city': 'Toronto'}",
    r"The tools say: The temperature in London is -?\d+°C; \w+\.",
)
_SUM = r"10 \+ 23 is 33\."

EXAMPLES: Mapping[str, Example] = {
    "async-chat": Example((rf"^{_SKY}$",)),
    "async-generate": Example((rf"^{_SKY}$",)),
    "async-structured-outputs": _FRIENDS,
    "async-tools": _TOOL_FOR_TWO_NUMBERS,
    "chat": Example((rf"^{_SKY}$",)),
    "chat-logprobs": Example((r"Chat response: Hi! What can I do", *_LOGPROBS)),
    "chat-stream": Example((rf"^{_SKY}$",)),
    "chat-with-history": Example(
        (_SKY, r"The capital of France is Paris\."), "sky\nWhat is the capital of France?\n", "EOFError"
    ),
    "create": Example((r"^success$",)),
    "embed": Example((r"^\[\[-?\d\.\d+, .*\]\]$",)),
    "fill-in-middle": Example((r'^Keep only the characters that are ASCII\. """\n    result = ',)),
    "generate": Example((rf"^{_SKY}$",)),
    "generate-logprobs": Example((r"Generate response: Hi! What can I do", *_LOGPROBS)),
    "generate-stream": Example((rf"^{_SKY}$",)),
    "gpt-oss-tools": Example(_TWO_TOOLS),
    "gpt-oss-tools-stream": Example(_TWO_TOOLS),
    "list": Example(
        (r"Name: gemma4:latest\n  Size \(MB\): \d+\.\d\d\n  Format: safetensors\n  Family: llama",)
    ),
    "multi-tool": Example(
        (
            r"The user says: What is the temperature",
            r"Calling function: get_temperature with arguments: {'city': '[\w ]+'}\n> Function output: \d",
            r"Calling function: get_conditions with arguments: {'city': '[\w ]+'}",
            r"Final result:\nThe tools say: \d+ degrees Celsius; \w+\.",
        )
    ),
    "multimodal-chat": Example((r"I see 1 picture\(s\): image/png\.",), "picture.png\n"),
    "ps": Example((r"success\n", r"Model:  gemma4:latest\n  Digest:  \w{64}\n", r"Context length:  4096")),
    "pull": Example((r"^pulling manifest\n", r"success\n")),
    "show": Example((r"Details: .*family='llama'", r"llama\.context_length': 4096", r"'completion'")),
    "structured-outputs": _FRIENDS,
    "structured-outputs-image": Example(
        (r"summary='a summary' objects=\[Object\(", r"time_of_day='Morning' setting='Indoor'"),
        "picture.png\n",
    ),
    "systemone": Example(
        (r"'team': {'type': 'choice', 'choice': 'billing'", r"'noul': 0\.75", r"'score': 0\.5")
    ),
    "thinking": Example((r"The user says: What is 10 \+ 23\?", _SUM)),
    "thinking-generate": Example((r"The user says: why is the sky blue", _SKY)),
    "thinking-levels": Example(
        tuple(rf"My effort is {level}\.[^§]*?{_SUM}" for level in ("low", "medium", "high"))
    ),
    "tools": _TOOL_FOR_TWO_NUMBERS,
}

NOT_RUN: Mapping[str, str] = {
    "generate-image": "Ollama took the making of images out again",
    "multimodal-generate": "needs the web",
    "web-search": "needs the cloud",
    "web-search-gpt-oss": "needs the cloud",
    "web-search-mcp": "needs the cloud",
    "web_search_gpt_oss_helper": "is a module of another one",
}


@pytest.fixture(scope="module")
def ran(served: Served, picture: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """Every example, run in a folder of its own."""
    examples, python = examples_of_ollama(), python_of("ollama")

    def run_one(name: str) -> Done:
        folder = tmp_path_factory.mktemp(name)
        shutil.copyfile(picture, folder / picture.name)
        stdin = EXAMPLES[name].stdin
        return run(python, examples / f"{name}.py", served=served, folder=folder, stdin=stdin)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(EXAMPLES, pool.map(run_one, EXAMPLES), strict=True))


def _complaint(name: str, done: Done) -> str:
    """What is wrong with how an example ended, if anything is."""
    example = EXAMPLES[name]
    ended = done.complained.strip().splitlines()[-1:]
    well = example.ends in "".join(ended) if example.ends else done.code == 0
    position = 0
    for pattern in example.prints:
        found = re.compile(pattern, re.MULTILINE).search(done.told, position)
        if not well or found is None:
            return f"{pattern} is not there:\n{done.told}\n{done.complained}"
        position = found.end()
    return ""


def test_every_file_is_run_or_has_a_reason() -> None:
    files = {path.stem for path in examples_of_ollama().glob("*.py")}
    assert files == EXAMPLES.keys() | NOT_RUN.keys()
    assert (len(EXAMPLES), len(NOT_RUN)) == (29, 6)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, ran: dict[str, Done]) -> None:
    complaint = _complaint(name, ran[name])
    assert not complaint, complaint


def test_readme(ran: dict[str, Done]) -> None:
    passed = sum(not _complaint(name, done) for name, done in ran.items())
    cases = len(EXAMPLES) + len(NOT_RUN)
    hold(Row("`ollama` (PyPI), its own examples", version_of("ollama", "ollama"), cases, passed, NOT_RUN))
