"""How Ollama feeds a template.

A template that names .Messages is given the whole chat. An older one, of .System, .Prompt and .Response, is
run once for each turn, the last time up to .Response, where the model goes on. A suffix has no chat."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec

from proxy.dialect.messages import Message, Tool
from proxy.dialect.prompts.template import shapes
from proxy.dialect.prompts.template.budget import Budget
from proxy.dialect.prompts.template.template import Template


def prompt_of(
    template: Template,
    *,
    messages: Sequence[Message] = (),
    system: str = "",
    prompt: str = "",
    suffix: str = "",
    tools: Sequence[Tool] = (),
    think: object = None,
    today: date | None = None,
) -> str:
    """The system prompt comes before the messages, and the prompt after them."""
    fixed = {"Think": bool(think), "ThinkLevel": _level(think), "IsThinkSet": think is not None}
    if prompt and suffix:
        return template.render({"Prompt": prompt, "Suffix": suffix, "Response": "", **fixed}, today=today)
    chat = [*_said("system", system), *messages, *_said("user", prompt)]
    if not template.uses("Messages"):
        return _turn_by_turn(template, _turns(_collated(chat)), fixed, today)
    values = {
        "System": "\n\n".join(message.content for message in chat if message.role.lower() == "system"),
        "Messages": [shapes.message(message) for message in _collated(chat)],
        "Tools": shapes.tools(tools),
        "Response": "",
    }
    return template.render({**values, **fixed}, today=today)


def _level(think: object) -> str:
    if isinstance(think, str):
        return think
    return "medium" if think else ""


def _said(role: str, content: str) -> list[Message]:
    return [Message(role=role, content=content)] if content else []


def _collated(messages: Sequence[Message]) -> list[Message]:
    """What one role says in a row is one message. Results of tools stay apart."""
    collated: list[Message] = []
    for message in messages:
        role = message.role.lower()
        if collated and role != "tool" and collated[-1].role == role:
            collated[-1].content += f"\n\n{message.content}"
        else:
            collated.append(msgspec.structs.replace(message, role=role))
    return collated


@dataclass(slots=True)
class _Turn:
    system: str = ""
    prompt: str = ""
    response: str = ""


def _turns(messages: Sequence[Message]) -> Iterator[_Turn]:
    """A turn ends before the first message that it has no place for."""
    turn = _Turn()
    for message in messages:
        if message.role == "system":
            if turn.prompt or turn.response:
                yield turn
                turn = _Turn()
            turn.system = message.content
        elif message.role == "user":
            if turn.response:
                yield turn
                turn = _Turn()
            turn.prompt = message.content
        elif message.role == "assistant":
            turn.response = message.content
    yield turn


def _turn_by_turn(
    template: Template, turns: Iterator[_Turn], fixed: Mapping[str, object], today: date | None
) -> str:
    """A template without .Response has it at its end."""
    *earlier, last = turns
    budget = Budget()
    places_response = template.uses("Response")
    runs = [*((template, turn) for turn in earlier), (template.until("Response"), last)]
    rendered: list[str] = []
    for each, turn in runs:
        values = {"System": turn.system, "Prompt": turn.prompt, "Response": turn.response, **fixed}
        rendered.append(each.render(values, today=today, budget=budget))
        if not places_response:
            rendered.append(turn.response)
    return "".join(rendered)
