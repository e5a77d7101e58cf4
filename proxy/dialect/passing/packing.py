"""Vectors as OpenAI packs them: base64 of floats of 32 bits, the lowest byte first."""

import base64
import sys
from array import array


def packed(vector: list[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def unpacked(text: str) -> list[float]:
    """Raises `ValueError` where it is none."""
    numbers = array("f")
    numbers.frombytes(base64.b64decode(text, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()
