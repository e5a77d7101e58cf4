"""Prompts that a Modelfile's template makes, or a request's, in place of the model's own.

Such a prompt goes to the engine as plain text. The tokenizer puts before it what it puts before every text,
unless the template did so already. A request's template is honoured or refused. A Modelfile's gives way to
the model's own where it cannot carry what is asked: pictures, and tools, whose calls the engine finds in the
answer only where its own template offered them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from proxy.dialect.messages import ChatRequest, GenerateRequest, Generation, Message
from proxy.dialect.prompts import overlay, to_engine
from proxy.dialect.prompts.template import Template, TemplateError
from proxy.dialect.prompts.template.prompt import prompt_of
from proxy.dialect.prompts.thinking import wanted
from proxy.dialect.prompts.to_engine import EngineRequest, Prompt, Shorter
from proxy.dialect.prompts.truncation import cuts
from proxy.errors import ApiError
from proxy.model import Model


def made_by(request: ChatRequest | GenerateRequest, model: Model) -> str:
    """The template that the prompt may be made by, if any."""
    own = request.template if isinstance(request, GenerateRequest) else ""
    return own or model.manifest.overlay.template


def chat(request: ChatRequest, model: Model, today: date) -> EngineRequest:
    """The chat for the engine, by the Modelfile's template where it has one."""
    laid_over = model.manifest.overlay
    if not laid_over.template or request.tools or any(message.images for message in request.messages):
        return to_engine.chat(request, model)
    messages = overlay.conversation(request, laid_over)
    return _of_messages(request, model, laid_over.template, messages, today)


def generate(request: GenerateRequest, model: Model, today: date) -> EngineRequest:
    if request.template and request.images:
        raise ApiError(400, "a template cannot be used together with images")
    text = made_by(request, model)
    if request.raw or request.images or not text:
        return to_engine.generate(request, model)
    ask = _of_messages(request, model, text, overlay.turn(request, model.manifest.overlay), today)
    return ask.with_prompt(to_engine.WITH_IDS)


def insert(request: GenerateRequest, model: Model, today: date) -> EngineRequest | None:
    """The request to fill in a gap, where a template says how."""
    for text in filter(None, (request.template, model.manifest.overlay.template)):
        if fills_in(text):
            prompt = _rendered(text, today, request, model, prompt=request.prompt, suffix=request.suffix)
            return to_engine.of_text(request, model, prompt).with_prompt(to_engine.WITH_IDS)
    return None


def fills_in(text: str) -> bool:
    """Whether the template has a place for what comes after a gap."""
    try:
        return Template.parse(text).uses("Suffix")
    except TemplateError:
        return False


def _of_messages(
    request: Generation, model: Model, text: str, messages: Sequence[Message], today: date
) -> EngineRequest:
    def of_those(kept: Sequence[int]) -> Prompt:
        some = [messages[place] for place in kept]
        return to_engine.text_prompt(_rendered(text, today, request, model, messages=some))

    whole = of_those(range(len(messages)))
    ask = to_engine.parted(request, model, whole["prompt"])
    return replace(ask, shorter=Shorter(cuts(messages), of_those))


def _rendered(
    text: str,
    today: date,
    request: Generation,
    model: Model,
    *,
    messages: Sequence[Message] = (),
    prompt: str = "",
    suffix: str = "",
) -> str:
    think = wanted(request.think, model)
    try:
        template = Template.parse(text)
        return prompt_of(template, messages=messages, prompt=prompt, suffix=suffix, think=think, today=today)
    except TemplateError as error:
        raise ApiError(400, str(error)) from None
