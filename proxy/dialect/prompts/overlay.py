"""What a Modelfile adds to a request. Whatever the request says itself wins."""

from typing import Any

from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation, Message
from proxy.model import Overlay


def options(request: Generation, overlay: Overlay) -> dict[str, Any]:
    """`null` in a request counts as unset, here too."""
    given = {name: value for name, value in request.options.items() if value is not None}
    return {**overlay.parameters, **given}


def conversation(request: ChatRequest, overlay: Overlay) -> list[Message]:
    """The Modelfile's messages stand before the client's. A system message that opens the client's goes
    before both, and is in place of the Modelfile's: many templates take it nowhere else."""
    system, rest = _system(overlay.system), request.messages
    if rest and rest[0].role.lower() == "system":
        system, rest = rest[:1], rest[1:]
    return [*system, *overlay.messages, *rest]


def turn(request: GenerateRequest, overlay: Overlay) -> list[Message]:
    """A prompt as a chat. What went on before is either the client's context or the Modelfile's messages."""
    before = () if request.context else overlay.messages
    user = Message(role="user", content=request.prompt, images=request.images)
    return [*_system(request.system or overlay.system), *before, user]


def _system(text: str) -> list[Message]:
    return [Message(role="system", content=text)] if text else []
