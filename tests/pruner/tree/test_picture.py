"""The picture: well-formed, alone, true to the figures."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pruner.archs import Sm, Wanted
from pruner.cli import main
from pruner.errors import PrunerError
from pruner.picture import check_form, draw
from pruner.picture.bars import DROPPED, HOST, KEPT, SYMBOLS, WEIGHT, bars_of
from pruner.report import FileReport, Outcome
from pruner.tree.result import Request, Result
from tests.pruner.tree.trees import fat, put

SVG = "{http://www.w3.org/2000/svg}"


def row(path: str = "lib/libx.so", before: int = 1000, after: int = 400, **more: object) -> FileReport:
    return FileReport(path, "elf", Outcome.PRUNED, before, after, **more)  # type: ignore[arg-type]


def result(*rows: FileReport) -> Result:
    return Result(Path("/image"), Request(Path("/image"), Wanted(sm=(Sm(90),))), rows)


def shapes(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(SVG + tag))  # noqa: S314 - made here


def words(svg: str) -> list[str]:
    return [text.text or "" for text in shapes(svg, "text")]


def parts(one: FileReport) -> dict[tuple[str, str], int]:
    bars = bars_of(one)
    return {(part.role, part.label): round(part.weight) for part in (*bars.stays, *bars.goes)}


def test_every_byte_is_somewhere() -> None:
    found = parts(row(kept={"sm_90": 100}, dropped={"sm_80": 300, "sm_75": 200}, stripped=100))
    assert found == {
        (HOST, ""): 300,
        (KEPT, "sm_90"): 100,
        (DROPPED, "sm_75"): 200,
        (DROPPED, "sm_80"): 300,
        (SYMBOLS, ""): 100,
    }
    assert parts(row(stripped=10)) == {(HOST, ""): 400, (SYMBOLS, ""): 10, (WEIGHT, ""): 590}


def test_compressed_code_is_drawn_to_its_share() -> None:
    """A report counts it as it runs, which may be more than the whole file."""
    found = parts(row(kept={"gfx1100": 4000}, dropped={"gfx906": 9000, "gfx1030": 3000}))
    assert found == {(KEPT, "gfx1100"): 400, (DROPPED, "gfx906"): 450, (DROPPED, "gfx1030"): 150}


def test_chips_are_in_one_order_everywhere() -> None:
    bars = bars_of(row(dropped={"gfx1100": 1, "gfx90a": 1, "gfx803": 1, "host": 5, "gfx1030": 1}))
    assert [part.label for part in bars.goes] == ["gfx803", "gfx90a", "gfx1030", "gfx1100"]


@pytest.mark.parametrize("count", [0, 1, 40])
def test_it_is_well_formed_and_needs_nothing(count: int) -> None:
    rows = [row(f"lib/lib{number}.so", 1000 + number, kept={"sm_90": 50}) for number in range(count)]
    svg = draw(result(*rows), ".svg")
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"<script|@import|url\(|href", svg)
    named = [text for text in words(svg) if text.endswith(".so")]
    assert len(named) == min(count, 24)
    assert ("16 more files" in words(svg)) == (count == 40)


def test_names_are_only_text() -> None:
    svg = draw(result(row('a/<script>&"\n\x1b\udcff.so', kept={"sm_90": 1})), ".svg")
    assert '<script>&"\\x0a\\x1b\\xdcff.so' in words(svg)
    svg.encode()
    page = draw(result(row("a/<script>alert(1)</script>")), ".html")
    assert "<script" not in page


def test_what_stays_has_another_colour_than_what_goes() -> None:
    svg = draw(result(row(kept={"sm_90": 100}, dropped={"sm_90": 100, "sm_80": 100})), ".svg")
    style = shapes(svg, "style")[0].text or ""
    day, night = style.split("@media")
    for rules in (day, night):
        colours = re.findall(r"\.((?:kept|dropped)\d+)\{fill:(#\w{6})\}", rules)
        assert len({colour for _, colour in colours}) == len(colours) == 4


def test_no_picture_is_drawn_under_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PrunerError, match=r"picture\.png"):
        check_form(Path("picture.png"))
    put(tmp_path / "libx.so", fat())
    assert main([str(tmp_path), "--arch", "gfx1100", "--picture", "p.png"]) == 2
    assert "it ends with .svg or .html" in capsys.readouterr().err
    assert (tmp_path / "libx.so").read_bytes() == fat()


@pytest.mark.parametrize("form", [".svg", ".html"])
def test_a_dry_run_draws_what_would_be(form: str, tmp_path: Path) -> None:
    put(tmp_path / "tree/libx.so", fat())
    place = tmp_path / f"picture{form}"
    assert main([str(tmp_path / "tree"), "--arch", "gfx1100", "--dry-run", "--picture", str(place)]) == 0
    text = place.read_text(encoding="utf-8")
    assert "1 of 1 file would be smaller" in text
    assert "gfx1201" in text
