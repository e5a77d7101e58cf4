"""Texts as Go writes them between quotation marks, which Ollama's messages do."""

_ESCAPES = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 92: r"\\"}


def quoted(text: str) -> str:
    return '"' + "".join(r"\"" if letter == '"' else escaped(letter) for letter in text) + '"'


def escaped(letter: str) -> str:
    """A letter as it stands within any kind of quotation marks but its own."""
    code = ord(letter)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if letter.isprintable():
        return letter
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
