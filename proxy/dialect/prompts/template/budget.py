"""How much a template may be, take and give. Templates come from clients."""

from proxy.dialect.prompts.template.errors import TemplateError

MAX_TEMPLATE_CHARACTERS = 64 * 1024
MAX_NESTING = 40
"""Blocks and parentheses within each other, as written."""
MAX_DEPTH = 60
"""The same while it runs, where templates call templates."""
MAX_VALUE_DEPTH = 64
MAX_VARIABLES = 100
MAX_WIDTH = 10_000
"""Of what printf pads."""
MAX_TEXT_CHARACTERS = 8 * 1024 * 1024
"""Of what comes out, and of each text on the way."""
MAX_STEPS = 250_000
"""A chat of a thousand messages takes some fifty thousand."""
CHARACTERS_PER_STEP = 128
ITEMS_PER_STEP = 64


class Budget:
    """What is left to one rendering. Whatever takes time that grows with a value is spent from it."""

    __slots__ = ("_steps", "_written")

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._written = 0

    def spend(self, steps: int = 1) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TemplateError("the template takes too many steps")

    def text(self, text: str) -> str:
        """Text that is made or read."""
        if len(text) > MAX_TEXT_CHARACTERS:
            raise TemplateError("the template makes too long a text")
        self.spend(len(text) // CHARACTERS_PER_STEP)
        return text

    def read_each(self, text: str) -> None:
        """Text of which every character is looked at by itself."""
        self.spend(len(text) // 8)

    def copied(self, items: int) -> None:
        self.spend(items // ITEMS_PER_STEP)

    def written(self, text: str) -> str:
        self._written += len(text)
        if self._written > MAX_TEXT_CHARACTERS:
            raise TemplateError("the template makes too long a text")
        return self.text(text)
