"""Floating point numbers as Go writes them."""

import math
from decimal import Decimal


def shortest(value: float) -> str:
    """With as few digits as say it, and an exponent where the number is large or small."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:+.0f}".replace("inf", "Inf")
    if value == 0 or -4 <= Decimal(repr(value)).adjusted() < 6:
        return plain(value)
    return scientific(value)


def plain(value: float) -> str:
    """Without an exponent."""
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def scientific(value: float) -> str:
    number = Decimal(repr(value)).normalize()
    sign, digits, _ = number.as_tuple()
    rest = "".join(map(str, digits[1:]))
    exponent = number.adjusted()
    return f"{'-' * sign}{digits[0]}{'.' * bool(rest)}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def hexadecimal(value: float) -> str:
    mantissa, _, exponent = value.hex().partition("p")
    return f"{mantissa.rstrip('0').rstrip('.') if value else '0x0'}p{exponent[0]}{exponent[1:]:0>2}"
