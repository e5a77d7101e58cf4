"""The report as one HTML file with its pictures inside: a bar of layers and a map of files per image."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from builder.console import size
from builder.report.treemap import Box, squarify
from builder.report.weights import NOT_COUNTED, ImageWeights, Layer, on_disk

_WIDTH, _BAR, _MAP = 1000, 44, 420
_COLOURS = ("#3b6ea5", "#5b9279", "#c08a3e", "#a5566b", "#6f6aa8", "#4f8f9d", "#8a7a5c", "#7a8b99")
_SMALLEST_SHARE = 0.004
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1040px; margin: 2rem auto; padding: 0 1rem;
  color: #1d2329; background: #fff }
h1 { font-size: 1.5rem; margin-bottom: .2rem }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem }
p { margin: .2rem 0 .6rem }
table { border-collapse: collapse; margin: .6rem 0 }
td, th { padding: .15rem .9rem .15rem 0; text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.over { color: #b3261e; font-weight: 600 }
.quiet { color: #5c6770 }
svg { width: 100%; height: auto; display: block; margin: .4rem 0 }
svg text { font: 12px system-ui, sans-serif; fill: #fff }
"""


def render_page(images: Sequence[ImageWeights]) -> str:
    sections = "\n".join(_section(image) for image in images)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Where the bytes are</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>Where the bytes are</h1><p class=quiet>{len(images)} images, {size(on_disk(images))} on disk "
        f"together: a layer that several share counts once.</p>\n{sections}\n</body></html>\n"
    )


def _section(image: ImageWeights) -> str:
    sum_of_layers = f"{size(image.total)} in {len(image.layers)} layers{_budget(image)}"
    return (
        f"<h2>{escape(image.tag)}</h2><p>{sum_of_layers}</p>"
        f"{_layer_bar(image)}{_layer_table(image.layers)}"
        f"{_files(image)}"
    )


def _files(image: ImageWeights) -> str:
    if image.groups is None:
        return f"<p class=quiet>{escape(NOT_COUNTED)}</p>"
    return f"<p class=quiet>Files, by what they belong to:</p>{_file_map(image.tag, image.groups)}"


def _budget(image: ImageWeights) -> str:
    if image.budget is None:
        return ""
    kind = "over" if image.total > image.budget else "quiet"
    return f" <span class={kind}>(budget {size(image.budget)})</span>"


def _layer_bar(image: ImageWeights) -> str:
    boxes: list[str] = []
    x = 0.0
    for number, layer in enumerate(image.layers):
        width = _WIDTH * layer.size / max(image.total, 1)
        label = f"{layer.made_by}: {size(layer.size)}"
        boxes.append(_rectangle(Box(x, 0, width, _BAR), _COLOURS[number % len(_COLOURS)], label))
        x += width
    return _picture(_BAR, boxes, f"Layers of {image.tag}")


def _layer_table(layers: Iterable[Layer]) -> str:
    rows = "".join(
        f"<tr><td class=n>{size(layer.size)}</td><td>{escape(layer.made_by)}</td>"
        f"<td class=quiet>{escape(_sharing(layer))}</td></tr>"
        for layer in layers
    )
    return f"<table><tr><th>size</th><th>layer</th><th></th></tr>{rows}</table>"


def _sharing(layer: Layer) -> str:
    return f"shared with {', '.join(layer.shared_with)}" if layer.shared_with else ""


def _file_map(tag: str, groups: Mapping[str, int]) -> str:
    whole = sum(groups.values())
    large = {name: count for name, count in groups.items() if count >= whole * _SMALLEST_SHARE}
    rest = whole - sum(large.values())
    entries = sorted(
        [*large.items(), *([("everything else", rest)] if rest else [])], key=lambda item: -item[1]
    )
    boxes = squarify([count for _, count in entries], Box(0, 0, _WIDTH, _MAP))
    drawn = [
        _rectangle(
            box, _COLOURS[number % len(_COLOURS)], f"{name.removeprefix('site-packages/')}: {size(count)}"
        )
        for number, ((name, count), box) in enumerate(zip(entries, boxes, strict=True))
    ]
    return _picture(_MAP, drawn, f"Files of {tag}")


def _rectangle(box: Box, colour: str, label: str) -> str:
    text = _label(box, label)
    return (
        f'<g><title>{escape(label)}</title><rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" fill="{colour}" stroke="#fff"/>{text}</g>'
    )


def _label(box: Box, label: str) -> str:
    """The label, cut to the box; a box too small for a few letters has only its tooltip."""
    letters = int((box.width - 10) / 7)
    if letters < 4 or box.height < 16:
        return ""
    shown = label if len(label) <= letters else label[: letters - 1] + "\u2026"
    return f'<text x="{box.x + 5:.1f}" y="{box.y + 15:.1f}">{escape(shown)}</text>'


def _picture(height: int, shapes: Iterable[str], title: str) -> str:
    frame = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    return f"<svg {frame}>{''.join(shapes)}</svg>"
