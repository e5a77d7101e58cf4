"""What Ollama's clients send."""

from typing import Any

from msgspec import field

from proxy.dialect.bodies.decoding import Body
from proxy.dialect.bodies.fields import Arguments, Choice, Lifetime, Role, Think, Tops
from proxy.dialect.durations import KeepAlive


class ToolCallFunction(Body):
    index: int = 0
    name: str = ""
    arguments: Arguments = field(default_factory=dict)


class ToolCall(Body):
    id: str = ""
    function: ToolCallFunction = field(default_factory=ToolCallFunction)


class Message(Body):
    role: Role = ""
    content: str = ""
    thinking: str = ""
    images: list[str] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    tool_name: str = ""
    tool_call_id: str = ""


class ToolFunction(Body, omit_defaults=True):
    name: str = ""
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    strict: bool = False


class Tool(Body):
    """Ollama does not look at its type, and knows functions alone."""

    type: str = "function"
    function: ToolFunction = field(default_factory=ToolFunction)


class Generation(Body):
    """What a chat and a plain generation have in common. The last fields are not Ollama's."""

    model: str = ""
    stream: bool = True
    format: Any = None
    keep_alive: Lifetime = KeepAlive(None)
    options: dict[str, Any] = field(default_factory=dict)
    think: Think = None
    truncate: bool = True
    shift: bool = True
    logprobs: bool = False
    top_logprobs: Tops = 0
    render_only: bool = field(default=False, name="_debug_render_only")
    structured_outputs: dict[str, Any] = field(default_factory=dict)
    logit_bias: dict[str, Any] = field(default_factory=dict)
    bad_words: list[str] = field(default_factory=list)


class ChatRequest(Generation):
    messages: list[Message] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    tool_choice: Choice = None


class GenerateRequest(Generation):
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] = field(default_factory=list)
    raw: bool = False
    images: list[str] = field(default_factory=list)


class EmbedRequest(Body):
    model: str = ""
    input: Any = None
    truncate: bool = True
    dimensions: int = 0
    keep_alive: Lifetime = KeepAlive(None)
    options: dict[str, Any] = field(default_factory=dict)


class OpenAIEmbedRequest(EmbedRequest):
    encoding_format: str = ""


class EmbeddingRequest(Body):
    model: str = ""
    prompt: str = ""
    keep_alive: Lifetime = KeepAlive(None)
    options: dict[str, Any] = field(default_factory=dict)


class ShowRequest(Body):
    model: str = ""
    name: str = ""
    verbose: bool = False
    system: str = ""
    options: dict[str, Any] = field(default_factory=dict)
