"""The model that a request names, or what each endpoint says of a name that leads nowhere."""

from dataclasses import dataclass

from proxy.dialect import names
from proxy.errors import ApiError, EngineUnreadyError
from proxy.model import Model
from proxy.services import Services


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said where no name was given, where no model has the name, and where it is one of those that
    run elsewhere. `{name}` is the name as it was written, `{shortest}` without what defaults add. `waits` is
    False where a name counts as unknown also while an engine does not tell what it serves."""

    blank: tuple[int, str]
    unknown: str
    elsewhere: str = "remote model is unavailable"
    waits: bool = True


_REQUIRED = (400, "model is required")
_UNKNOWN = "model '{name}' not found"
_TRY_PULLING = 'model "{name}" not found, try pulling it first'

CHAT = Wording(_REQUIRED, _UNKNOWN)
GENERATE = Wording((404, _UNKNOWN), _UNKNOWN)
EMBED = Wording((404, _UNKNOWN), _TRY_PULLING)
EMBEDDINGS = Wording(_REQUIRED, _TRY_PULLING)
SHOW = Wording(_REQUIRED, "model '{shortest}' not found", "remote model details are unavailable", waits=False)


def require_name(text: str, wording: Wording) -> None:
    if not text.strip():
        status, message = wording.blank
        raise ApiError(status, message.format(name=text))


async def find(services: Services, text: str, wording: Wording) -> Model:
    """The name need not be one of Ollama's grammar, as long as an engine serves something of that name."""
    require_name(text, wording)
    found = await services.catalog.find(text)
    if found is not None:
        return found
    reference = names.refer(text)
    name = names.parse(reference.text)
    if name is None:
        raise ApiError(400, "invalid model name")
    if reference.place == "cloud":
        raise ApiError(403, f"ollama cloud is disabled: {wording.elsewhere}")
    found = await services.catalog.find(reference.text)
    if found is not None:
        return found
    if wording.waits and not services.catalog.complete:
        raise EngineUnreadyError(f"model '{name.shortest}' is not known while its engine does not answer")
    raise ApiError(404, wording.unknown.format(name=text, shortest=name.shortest))
