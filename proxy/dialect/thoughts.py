"""What a model thinks, out of a text that no engine took apart: between <think> and </think>.

Engines part chats by themselves, but not what answers a prompt of plain text."""

_OPENING = "<think>"
_CLOSING = "</think>"


class Thoughts:
    """Feed it a text piece by piece. A tag may be cut anywhere: what may be the start of one waits."""

    __slots__ = ("_begun", "_held", "_inside", "_over", "_thought")

    def __init__(self, *, begun: bool) -> None:
        """`begun` says that the prompt ended in the opening tag."""
        self._begun = begun
        self._inside = begun
        self._over = False
        self._thought = False
        self._held = ""

    def feed(self, text: str) -> tuple[str, str]:
        """The thoughts and the answer in this piece."""
        if self._over:
            return "", text
        self._held += text
        if not self._begun and not self._open():
            return "", self._let_go() if self._over else ""
        return self._close() if self._inside else ("", self._after())

    def rest(self) -> tuple[str, str]:
        """What was still waiting at the end."""
        held = self._let_go()
        return (held, "") if self._inside else ("", held)

    def _open(self) -> bool:
        """Whether the thoughts have begun. A text that begins with anything else has none."""
        start = self._held.lstrip()
        if start.startswith(_OPENING):
            self._begun = self._inside = True
            self._held = start[len(_OPENING) :]
            return True
        self._over = not _OPENING.startswith(start)
        return False

    def _close(self) -> tuple[str, str]:
        if not self._thought:
            self._held = self._held.lstrip()
            self._thought = bool(self._held)
        thoughts, closing, after = self._held.partition(_CLOSING)
        if closing:
            self._inside = False
            self._held = after
            return thoughts.rstrip(), self._after()
        kept = _overlap(thoughts, _CLOSING)
        self._held = thoughts[len(thoughts) - kept :]
        return thoughts[: len(thoughts) - kept], ""

    def _after(self) -> str:
        """The answer, without the empty lines between it and the thoughts."""
        self._held = self._held.lstrip()
        self._over = bool(self._held)
        return self._let_go()

    def _let_go(self) -> str:
        held, self._held = self._held, ""
        return held


def _overlap(text: str, tag: str) -> int:
    """How much of the text's end may be the tag's start."""
    longest = min(len(text), len(tag) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(tag[:size])), 0)


def begun(prompt: str) -> bool:
    return prompt.rstrip().endswith(_OPENING)
