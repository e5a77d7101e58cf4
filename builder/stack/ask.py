"""One question to the stack, as any Ollama client asks it, and what came back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from builder.errors import StackError

_LONGEST_ANSWER = 48
_SEE_LOGS = "see `docker compose logs vllm proxy`"
_TIMEOUT = httpx.Timeout(10.0, read=300.0)


@dataclass(frozen=True)
class Answer:
    text: str
    tokens: int
    tokens_per_second: float


def first_key(file: Path) -> str:
    """Of a file of API keys, for a question of our own."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    name, _, key = first.partition(":")
    return (key or name).strip()


def ask(url: str, model: str, question: str, key: str, on_text: Callable[[str], None]) -> Answer:
    """Stream an answer; `on_text` gets each piece as it comes. `key` is empty where none is needed."""
    request = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "options": {"temperature": 0, "num_predict": _LONGEST_ANSWER},
    }
    pieces: list[str] = []
    last: dict[str, object] = {}
    try:
        with httpx.stream(
            "POST",
            f"{url}/api/chat",
            json=request,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            trust_env=False,
        ) as reply:
            for line in reply.iter_lines():
                last = json.loads(line)
                piece = _piece(last, reply.status_code)
                pieces.append(piece)
                on_text(piece)
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise StackError(f"the stack at {url} broke off its answer: {error}", hint=_SEE_LOGS) from error
    return _answer("".join(pieces), last, url)


def _piece(record: dict[str, object], status: int) -> str:
    if "error" in record or status != httpx.codes.OK:
        raise StackError(
            f"the stack answered {status}: {record.get('error', record)}",
            hint=_SEE_LOGS,
        )
    message = record.get("message")
    return str(message.get("content", "")) if isinstance(message, dict) else ""


def _answer(text: str, last: dict[str, object], url: str) -> Answer:
    if not text.strip() or not last.get("done"):
        raise StackError(f"the stack at {url} gave no whole answer", hint=_SEE_LOGS)
    tokens, nanoseconds = last.get("eval_count"), last.get("eval_duration")
    if not isinstance(tokens, int) or not isinstance(nanoseconds, int) or not nanoseconds:
        return Answer(text.strip(), 0, 0.0)
    return Answer(text.strip(), tokens, tokens * 1e9 / nanoseconds)
