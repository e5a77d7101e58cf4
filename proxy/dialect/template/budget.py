"""How much a template may be, take and give. Templates come from clients."""

from proxy.dialect.template.errors import TemplateError

MAX_TEMPLATE_CHARACTERS = 128 * 1024
MAX_NESTING = 50
"""Blocks and parentheses within each other, as written."""
MAX_DEPTH = 100
"""The same while it runs, where templates call templates."""
MAX_VALUE_DEPTH = 150
MAX_WIDTH = 10_000
"""Of what printf pads."""
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024
"""Of what comes out, and of each text on the way."""
MAX_STEPS = 500_000
CHARACTERS_PER_STEP = 256
ITEMS_PER_STEP = 64


class Budget:
    """What is left to one rendering."""

    __slots__ = ("_steps", "_written")

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._written = 0

    def spend(self, steps: int = 1) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise TemplateError("the template takes too many steps")

    def text(self, text: str) -> str:
        """Text that was made: it took time, and it takes room."""
        self.size(len(text))
        return text

    def size(self, characters: int) -> None:
        if characters > MAX_TEXT_CHARACTERS:
            raise TemplateError("the template makes too long a text")
        self.spend(characters // CHARACTERS_PER_STEP)

    def items(self, count: int) -> None:
        self.spend(count // ITEMS_PER_STEP)

    def write(self, text: str) -> None:
        self._written += len(text)
        self.size(self._written if self._written > MAX_TEXT_CHARACTERS else len(text))
