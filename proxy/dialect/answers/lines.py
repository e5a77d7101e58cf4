"""Records on lines of their own."""

# Clients written in Python take these for ends of lines, also inside a text.
_ENDS = tuple((end.encode(), f"\\u{ord(end):04x}".encode()) for end in ("\x85", "\u2028", "\u2029"))


def line(record: bytes) -> bytes:
    """`record` is JSON, whose texts may hold anything."""
    if not record.isascii():
        for end, escaped in _ENDS:
            record = record.replace(end, escaped)
    return record + b"\n"
