"""Where the bytes are, before and after, as one picture in a file of its own: SVG, or the same on a page.

One pair of bars per file, all to one scale: a broad one of what was there, a narrow one of what stays. What
stays is strong in colour, what goes is pale, and a chip has one hue everywhere.
"""

from html import escape
from pathlib import Path

from pruner.errors import PrunerError
from pruner.picture.draw import picture
from pruner.tree.people import table
from pruner.tree.result import Result
from pruner.tree.words import printable

_FORMS = (".svg", ".html")
_PAGE_STYLE = """
:root { color-scheme: light dark }
body { margin: 0 auto; max-width: 1120px; padding: 1.5rem 1rem 3rem; background: #fff; color: #1b232b;
  font: 14px/1.5 system-ui, sans-serif }
svg { width: 100%; height: auto; display: block }
details { margin: 1.5rem 28px }
summary { cursor: pointer; color: #66727e }
pre { overflow-x: auto; font-size: 12px }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #e8edf2 } }
"""


def check_form(path: Path) -> None:
    if path.suffix not in _FORMS:
        raise PrunerError(f"{path} is no name for a picture", hint=f"it ends with {' or '.join(_FORMS)}")


def draw(result: Result, form: str) -> str:
    svg = picture(result)
    return svg if form == ".svg" else _page(result, svg)


def _page(result: Result, svg: str) -> str:
    figures = escape("\n".join(table(result)))
    title = escape(printable(f"{result.root.name}: code for {result.request.wanted}"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_PAGE_STYLE}</style></head><body>\n{svg}\n"
        f"<details><summary>Every figure</summary><pre>{figures}</pre></details>\n</body></html>\n"
    )
