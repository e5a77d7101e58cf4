"""Colours of a picture: one hue per chip, strong for code that stays, pale for code that goes, by day and by
night. Each is a class of its own, so that programs that know no variables draw it as well."""

from collections.abc import Iterable, Mapping
from colorsys import hls_to_rgb

from pruner.picture.bars import DROPPED, HOST, KEPT, SYMBOLS, WEIGHT

_STRONG = (214, 22, 158, 282, 338, 46)
"""Hues, in degrees, that tell the chips of one run well apart."""
_GOLDEN = 137.5

Tones = Mapping[str, tuple[float, float]]
_DAY: Tones = {KEPT: (0.46, 0.72), DROPPED: (0.86, 0.36)}
_NIGHT: Tones = {KEPT: (0.62, 0.78), DROPPED: (0.30, 0.22)}
"""Lightness and saturation."""

_PLAIN_DAY = {HOST: "#a3aeb9", SYMBOLS: "#d8dde2", WEIGHT: "#e8e0cf"}
_PLAIN_NIGHT = {HOST: "#7b8793", SYMBOLS: "#3a434d", WEIGHT: "#4c4537"}
_INK_DAY = {"ink": "#1b232b", "quiet": "#66727e", "ground": "#ffffff", "line": "#e9edf0", "inside": "#ffffff"}
_INK_NIGHT = {
    "ink": "#e8edf2",
    "quiet": "#93a0ad",
    "ground": "#14191f",
    "line": "#262e37",
    "inside": "#0d1116",
}


class Colours:
    """Knows the class of every part."""

    def __init__(self, kept: Iterable[str], dropped: Iterable[str]) -> None:
        self._numbers = {label: number for number, label in enumerate(dict.fromkeys((*kept, *dropped)))}

    def name(self, role: str, label: str) -> str:
        return f"{role}{self._numbers[label]}" if label in self._numbers and role in (KEPT, DROPPED) else role

    def style(self) -> str:
        day = self._rules(_DAY, {**_PLAIN_DAY, **_INK_DAY})
        night = self._rules(_NIGHT, {**_PLAIN_NIGHT, **_INK_NIGHT})
        return f"{day}\n@media (prefers-color-scheme: dark) {{{night}}}"

    def _rules(self, tones: Tones, plain: Mapping[str, str]) -> str:
        named = dict(plain)
        for role, (lightness, saturation) in tones.items():
            for label, number in self._numbers.items():
                named[self.name(role, label)] = _colour(number, lightness, saturation)
        return " ".join(f".{name}{{fill:{colour}}}" for name, colour in named.items())


def _colour(number: int, lightness: float, saturation: float) -> str:
    hue = _STRONG[number] if number < len(_STRONG) else (number * _GOLDEN + 90) % 360
    return "#" + "".join(f"{round(255 * part):02x}" for part in hls_to_rgb(hue / 360, lightness, saturation))
