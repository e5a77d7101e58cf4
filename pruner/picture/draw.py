"""The picture itself, in SVG."""

from collections.abc import Sequence
from html import escape

from pruner.picture.bars import DROPPED, HOST, KEPT, SYMBOLS, WEIGHT, Bars, Part, bars_of, together
from pruner.picture.colours import Colours
from pruner.tree.result import Result
from pruner.tree.words import change, columns, count, cut, percent, printable, size

_WIDTH, _MARGIN, _LEFT, _RIGHT = 1120, 28, 236, 176
_FIRST = _MARGIN + _LEFT
_SPAN = _WIDTH - _FIRST - _RIGHT - _MARGIN
_ROW, _BROAD, _NARROW = 38, 15, 7
_MOST = 24
_LETTER = 6.9
"""How wide a letter of 12 pixels is, about."""
_FONT = "font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
_NAMES = {HOST: "host code and data", SYMBOLS: "symbols, gone", WEIGHT: "other, gone"}
_KEY = "Broad bars: before; narrow ones: after."
_IN_LEGEND = (KEPT, DROPPED, HOST, SYMBOLS, WEIGHT)


def picture(result: Result) -> str:
    rows = sorted(
        (bars_of(row) for row in result.changed), key=lambda one: (-one.saved, one.place, one.title)
    )
    shown, rest = rows[:_MOST], rows[_MOST:]
    if rest:
        shown.append(together(f"{count(len(rest), 'more file')}", rest))
    whole = together("", rows)
    colours = Colours(*(_labels(whole.stays), _labels(whole.goes)))
    drawing = _Drawing(colours)
    drawing.head(result, whole)
    drawing.legend(whole)
    drawing.rows(shown)
    return drawing.svg(_title(result))


def _labels(parts: Sequence[Part]) -> list[str]:
    return [part.label for part in parts if part.label]


def _title(result: Result) -> str:
    return printable(f"{result.root.name or '/'}: code for {result.request.wanted}")


class _Drawing:
    """Shapes, from top to bottom."""

    def __init__(self, colours: Colours) -> None:
        self._colours = colours
        self._shapes: list[str] = []
        self._y = 0.0

    def head(self, result: Result, whole: Bars) -> None:
        self._y = 46
        self._text(_MARGIN, self._y, _title(result), "ink", "font-size: 22px; font-weight: 650")
        self._y += 24
        would = "would be " if result.request.options.dry_run else ""
        files = f"{len(result.changed):,} of {count(result.looked_at, 'file')} {would}smaller"
        words = f"{_change(whole)}, {percent(whole.saved, whole.before)} less; {files}. {_KEY}"
        self._text(_MARGIN, self._y, words, "quiet", "font-size: 14px")
        self._y += 22
        scale = (_WIDTH - 2 * _MARGIN) / max(whole.before, 1)
        self._bar(_MARGIN, (*whole.stays, *whole.goes), 42, scale, labelled=True)
        self._y += 42 + 4
        self._bar(_MARGIN, whole.stays, 12, scale)
        self._y += 12

    def legend(self, whole: Bars) -> None:
        """Chips that stay, chips that go, what is no chip's."""
        x: float = _MARGIN
        self._y += 28
        for part in sorted((*whole.stays, *whole.goes), key=lambda part: _IN_LEGEND.index(part.role)):
            words = f"{_name(part)}  {size(part.weight)}"
            width = 18 + _LETTER * columns(words) + 16
            if x + width > _WIDTH - _MARGIN:
                x, self._y = _MARGIN, self._y + 22
            self._rectangle(x, self._y - 10, 12, 12, part)
            self._text(x + 18, self._y, words, "quiet", "font-size: 12px")
            x += width
        self._y += 26

    def rows(self, shown: Sequence[Bars]) -> None:
        scale = _SPAN / max((one.before for one in shown), default=1)
        for one in shown:
            self._line()
            self._y += 8
            self._names(one)
            self._bar(_FIRST, (*one.stays, *one.goes), _BROAD, scale)
            self._y += _BROAD + 1
            self._bar(_FIRST, one.stays, _NARROW, scale)
            self._y += _ROW - 8 - _BROAD - 1

    def _line(self) -> None:
        across = f'x="{_MARGIN}" y="{self._y:.1f}" width="{_WIDTH - 2 * _MARGIN}" height="1"'
        self._shapes.append(f'<rect class="line" {across}/>')

    def _names(self, one: Bars) -> None:
        folder = printable(one.place)
        letters = int((_LEFT - 12) / _LETTER)
        baseline = self._y + 12
        self._text(_MARGIN, baseline, cut(printable(one.title), letters), "ink", "font-size: 12.5px")
        if folder:
            shown = folder if columns(folder) <= letters else "\u2026" + folder[-letters + 1 :]
            self._text(_MARGIN, baseline + 13, shown, "quiet", "font-size: 10px", title=one.place)
        figures = _change(one)
        self._text(_WIDTH - _MARGIN, baseline, figures, "ink", "font-size: 12.5px; text-anchor: end")
        less = f"{percent(one.saved, one.before)} less"
        self._text(_WIDTH - _MARGIN, baseline + 13, less, "quiet", "font-size: 10px; text-anchor: end")

    def _bar(
        self, x: float, parts: Sequence[Part], height: float, scale: float, *, labelled: bool = False
    ) -> None:
        for part in parts:
            width = part.weight * scale
            self._rectangle(x, self._y, max(width - 0.6, 0.3), height, part)
            name = _name(part)
            if labelled and width > _LETTER * columns(name) + 12:
                ink = "inside" if part.role in (KEPT, HOST) else "ink"
                self._text(x + 7, self._y + height / 2 + 4, name, ink, "font-size: 12px")
            x += width

    def _rectangle(self, x: float, y: float, width: float, height: float, part: Part) -> None:
        tip = escape(f"{_name(part)}: {size(part.weight)}{', gone' if part.role == DROPPED else ''}")
        self._shapes.append(
            f'<rect class="{self._colours.name(part.role, part.label)}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"><title>{tip}</title></rect>'
        )

    def _text(self, x: float, y: float, words: str, ink: str, how: str, *, title: str = "") -> None:
        tip = f"<title>{escape(printable(title))}</title>" if title else ""
        self._shapes.append(
            f'<text class="{ink}" x="{x:.1f}" y="{y:.1f}" style="{how}">{escape(words)}{tip}</text>'
        )

    def svg(self, title: str) -> str:
        height = self._y + _MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
            f'aria-label="{escape(title)}"><style>text{{{_FONT}; font-variant-numeric: tabular-nums}} '
            f"{self._colours.style()}</style>"
            f'<rect class="ground" width="{_WIDTH}" height="{height:.0f}"/>{"".join(self._shapes)}</svg>\n'
        )


def _change(one: Bars) -> str:
    return change(one.before, one.after).replace("->", "\u2192")


def _name(part: Part) -> str:
    return _NAMES.get(part.role, part.label)
