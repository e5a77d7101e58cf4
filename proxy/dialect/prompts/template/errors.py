"""The one thing that goes wrong with a template."""


class TemplateError(Exception):
    """One line that says what is wrong, and on which line of the template where that is known."""

    @classmethod
    def at(cls, line: int, message: str) -> "TemplateError":
        return cls(f"template: :{line}: {message}")


def shown(text: str) -> str:
    """Something of the template within a message: quoted, and not all of it."""
    return f'"{text[:40]}..."' if len(text) > 40 else f'"{text}"'
