"""The pruner's command line as a person, and as a program, meets it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.cli import main as build_main
from builder.paths import ROOT
from pruner.cli import main
from pruner.marker import IN_FOLDER
from tests.pruner.elves import Elf, cuda
from tests.pruner.fatbins import codes, cuda_region
from tests.pruner.linking import build
from tests.pruner.tree.trees import contents, fat, hip_library, put, rocblas, run, snapshot

ARCH = ("--arch", "gfx1100")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    put(root / "libx.so", fat())
    put(root / "libforeign.so", hip_library("gfx906", "gfx1030"))
    rocblas(root / "rocblas/library", "gfx906", "gfx1100")
    return root


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "required: PATH"),
        (("{tree}",), "no chip is named"),
        (("{tree}", "--arch"), "--arch"),
        (("{tree}", "--arch", "gfx115x"), "'gfx115x'"),
        (("{tree}", "--arch", "sm_9.0"), "did you mean sm_90?"),
        (("{tree}/gone", *ARCH), "No such file"),
        (("/dev/null", *ARCH), "neither a folder nor a file"),
        (("{tree}/dangling", *ARCH), "symbolic link to nowhere"),
        (("{tree}", *ARCH, "--jobs", "0"), "'0' is not a number of workers"),
        (("{tree}", *ARCH, "--jobs", "many"), "'many' is not a number of workers"),
        (("{tree}", *ARCH, "--layout", "tight"), "'tight'"),
        (("{tree}", *ARCH, "--ptx", "never"), "'never'"),
        (("{tree}", *ARCH, "--dryrun"), "--dryrun"),
        (("{tree}", *ARCH, "--weight", "{tree}/gone.txt"), "cannot read the policy"),
        (("{tree}/libx.so", "--check"), "name the marker"),
        (("{tree}", "--check", "--json", "report.json"), "--json means nothing beside --check"),
        ((*ARCH, "{tree}"), "PATH --arch gfx1151"),
        (("{tree}", *ARCH, "--json", "{tree}"), "it is a folder"),
        (("{tree}", *ARCH, "--json", "{tree}/libx.so/report.json"), "libx.so is no folder"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    arguments: tuple[str, ...], message: str, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "dangling").symlink_to("nowhere")
    before = snapshot(tree)
    assert main([argument.format(tree=tree) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "hint"]
    assert snapshot(tree) == before


@pytest.mark.parametrize("module", ["pruner", "pruner.startup"])
def test_an_old_python_is_told_in_one_line(module: str) -> None:
    program = (
        "import runpy, sys\n"
        "sys.version_info, sys.version = (3, 10, 13, 'final', 0), '3.10.13 (main)'\n"
        f"runpy.run_module({module!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: the pruner needs Python 3.11 or newer, and this is Python 3.10.13\n"


def test_help_explains_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n  {code} " in text for code in (0, 2, 3, 4, 130))


def test_a_run_tells_people_what_it_did(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree), *ARCH, "--jobs", "1"]) == 3
    out, err = capsys.readouterr()
    assert err == ""
    assert re.search(
        r"^libx\.so: [\d.]+ -> [\d.]+ kB, kept gfx1100 \(1 bundle, compact\)$", out, re.MULTILINE
    )
    assert "  libforeign.so: holds no code for gfx1100, only for gfx1030, gfx906" in out.splitlines()
    assert re.search(r"^2 of 3 files smaller: .* for gfx1100$", out, re.MULTILINE)
    assert re.search(r"^dropped: gfx906 [\d.]+ kB, gfx1201 100.0 kB$", out, re.MULTILINE)


def test_fallbacks_emptied_units_and_unknown_forms_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "libgeneric.so", hip_library("gfx906", "gfx11-generic"))
    regions = [
        codes(100_000, *labels) for labels in (("sm_80",), ("sm_75", "compute_75"), ("sm_75",), ("ltoir_80",))
    ]
    put(tmp_path / "libmixed.so", build(Elf((cuda(*map(cuda_region, regions)),))).data)
    assert main([str(tmp_path), "--arch", "gfx1100", "sm_86"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "gfx11-generic code serves gfx1100 in 1 library; an old runtime may not look for it" in lines
    assert "code for an older chip of its family serves sm_86 in parts of 1 library" in lines
    assert "the driver compiles code for sm_86 at first use in parts of 1 library" in lines
    assert "libmixed.so: 1 of 4" in lines


def test_a_defect_is_one_line(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> None:
        raise KeyError("nothing")

    monkeypatch.setattr("pruner.cli.prune_tree", defective)
    assert main([str(tree), *ARCH]) == 1
    assert capsys.readouterr().err.startswith(
        "error: unexpected KeyError: 'nothing'\nhint:  this is a defect"
    )


def test_names_do_not_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "lib\x1b[2J\n\u202e.so", hip_library("gfx906", "gfx1030"))
    put(tmp_path / os.fsdecode(b"lib\xff.so"), fat())
    assert main([str(tmp_path), *ARCH, "--json", str(tmp_path / "report.json")]) == 3
    out = capsys.readouterr().out
    assert "lib\\x1b[2J\\x0a\\x202e.so: refused" in out
    assert "lib\\xdcff.so: " in out
    names = {file["path"] for file in json.loads((tmp_path / "report.json").read_bytes())["files"]}
    assert names == {"lib\x1b[2J\n\u202e.so", "lib\udcff.so"}


def test_a_dry_run_shows_a_table(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(tree)
    assert main([str(tree), *ARCH, "--dry-run"]) == 3
    assert snapshot(tree) == before
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert out.count("libx.so") == 1, "the table tells of it"
    head = next(
        number for number, line in enumerate(lines) if line.split() == ["before", "after", "saved", "kept"]
    )
    first, second, total = (line.split() for line in lines[head + 1 : head + 4])
    assert (first[0], first[-1]) == ("libx.so", "gfx1100")
    assert second[0] == "rocblas/library"
    assert total[:2] == ["2", "files"]
    assert "would be smaller" in lines[head + 4]


SCHEMA: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "tool": str,
    "root": str,
    "archs": list,
    "options": dict,
    "exit_code": int,
    "interrupted": bool,
    "before": int,
    "after": int,
    "kept": dict,
    "dropped": dict,
    "files": list,
    "removed": list,
    "accepted": list,
    "records": list,
    "left": list,
    "notes": list,
}
FILE: dict[str, type | tuple[type, ...]] = {
    "path": str,
    "kind": str,
    "outcome": str,
    "before": int,
    "after": int,
    "reason": str,
    "layout": dict,
    "units": int,
    "emptied": int,
    "kept": dict,
    "dropped": dict,
    "serves": dict,
    "stripped": int,
    "unknown": dict,
    "notes": list,
    "sha256": str,
}


def _fits(value: dict[str, Any], schema: dict[str, type | tuple[type, ...]]) -> bool:
    return value.keys() == schema.keys() and all(isinstance(value[key], kind) for key, kind in schema.items())


def test_the_report_for_programs_is_alone_on_its_stream(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tree), *ARCH, "--json", "-"]) == 3
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert _fits(report, SCHEMA)
    assert all(_fits(file, FILE) for file in report["files"])
    assert report["format"] == 1
    assert [file["path"] for file in report["files"]] == ["libforeign.so", "libx.so", "rocblas/library"]
    assert report["before"] == sum(file["before"] for file in report["files"])
    assert {file["path"] for file in report["removed"]} == {
        "rocblas/library/Kernels.so-000-gfx906.hsaco",
        "rocblas/library/TensileLibrary_lazy_gfx906.dat",
    }
    assert "2 of 3 files smaller" in err


def test_a_report_goes_into_a_file_whole(tree: Path, tmp_path: Path) -> None:
    place = tmp_path / "new/report.json"
    assert main([str(tree), *ARCH, "--json", str(place)]) == 3
    assert json.loads(place.read_bytes())["exit_code"] == 3
    assert [path.name for path in place.parent.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_after_all_leaves_the_run_as_it_was(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictured = tmp_path / "before-after.svg"
    assert main([str(tree), *ARCH, "--json", "/dev/full", "--picture", str(pictured)]) == 4
    out, err = capsys.readouterr()
    assert "2 of 3 files smaller" in out
    assert err.startswith("error: cannot write /dev/full: No space left on device\nhint:  ")
    assert pictured.exists()


def test_an_interruption_while_it_tells_says_nothing_untrue(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("pruner.cli.as_json", interrupted)
    assert main([str(tree), *ARCH, "--json", "-"]) == 130
    assert "nothing was changed" not in capsys.readouterr().err


def test_what_is_accepted_is_listed_and_not_counted(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree), *ARCH, "--accept", "libforeign.so", "--accept", "gone"]) == 0
    out = capsys.readouterr().out
    assert "refused, as accepted:\n  libforeign.so: " in out
    assert "--accept 'gone' names nothing that was refused" in out


def test_what_is_to_be_kept_and_is_not_there_is_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree), *ARCH, "--keep", "libforeign.so", "--keep", "libtypo.so"]) == 0
    out = capsys.readouterr().out
    assert "--keep 'libtypo.so' names nothing here" in out
    assert "'libforeign.so'" not in out


def test_the_marker_goes_where_it_is_told_to(tree: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere.json"
    main([str(tree), *ARCH, "--marker", str(place)])
    assert place.exists()
    assert not (tree / IN_FOLDER).exists()
    accepted = [str(tree), "--check", "--marker", str(place)]
    assert main(accepted) == 3, "libforeign.so was not accepted"
    main([str(tree), *ARCH, "--marker", str(place), "--accept", "libforeign.so"])
    assert main(accepted) == 0


def test_no_marker_is_written_against_a_persons_will(tree: Path) -> None:
    main([str(tree), *ARCH, "--no-marker"])
    assert not any(name.endswith(".json") for name in contents(tree))


def test_check_has_a_line_for_each_fault(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tree), *ARCH, "--accept", "libforeign.so"])
    capsys.readouterr()
    assert main([str(tree), "--check"]) == 0
    assert capsys.readouterr().out == f"{tree / IN_FOLDER}: the tree is as it says\n"
    (tree / "libx.so").write_bytes(b"other")
    put(tree / "libnew.so", fat())
    assert main([str(tree), "--check"]) == 3
    *faults, last = capsys.readouterr().out.splitlines()
    assert [fault.split()[0] for fault in faults] == ["libx.so", "libnew.so"]
    assert last == f"{tree / IN_FOLDER}: 2 faults"


def test_several_chips_in_every_way_of_saying_so(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tree), "--arch", "gfx1100,gfx906", "gfx1151", "--arch", "gfx1030", "--dry-run"]) == 0
    assert "for gfx1100, gfx906, gfx1151, gfx1030" in capsys.readouterr().out


def test_read_only_parts_fail_alone(tree: Path) -> None:
    put(tree / "closed/liby.so", fat())
    put(tree / "secret/libz.so", fat())
    put(tree / "unreadable.so", fat()).chmod(0)
    (tree / "closed").chmod(0o555)
    (tree / "secret").chmod(0)
    done = run(tree, *ARCH, "--accept", "libforeign.so", powerless=True)
    assert (done.returncode, done.stderr) == (4, "")
    for line in (
        "closed/liby.so: Permission denied",
        "secret: cannot be read: ",
        "unreadable.so: cannot be read: ",
    ):
        assert f"\n  {line}" in done.stdout
    (tree / "closed").chmod(0o755)
    (tree / "secret").chmod(0o755)
    for name in ("closed/liby.so", "secret/libz.so", "unreadable.so"):
        assert (tree / name).read_bytes() == fat()
    assert (tree / "libx.so").stat().st_size < len(fat()) / 2


def test_a_tree_that_is_read_only_fails_and_stays(tree: Path) -> None:
    (tree / "rocblas/library").chmod(0o555)
    tree.chmod(0o555)
    before = snapshot(tree)
    done = run(tree, *ARCH, powerless=True)
    assert (done.returncode, done.stderr) == (4, "")
    assert "3 files looked at for gfx1100: nothing was changed" in done.stdout
    beforehand = run(tree, *ARCH, "--json", tree / "report.json", powerless=True)
    assert (beforehand.returncode, beforehand.stdout) == (2, "")
    assert f"{tree} may not be written to" in beforehand.stderr
    assert snapshot(tree) == before
    tree.chmod(0o755)


def test_a_reader_who_leaves_does_not_stop_the_work(tree: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pruner", tree, *ARCH],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")
    assert (tree / "libx.so").stat().st_size < len(fat()) / 2
    assert (tree / IN_FOLDER).exists()


def test_on_a_terminal_one_line_moves(tree: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"TERM": "xterm"}
    with subprocess.Popen(
        [sys.executable, "-m", "pruner", tree, *ARCH], cwd=ROOT, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        screen = _all_of(ours)
    assert process.returncode == 3
    assert "/0 files" not in screen
    assert re.search(r"\r\x1b\[2K\d/2 files, [\d.]+ [kM]?B of [\d.]+ [kM]B, [\d.]+ [kMG]?B/s", screen)
    after = screen.rsplit("\x1b[2K", 1)[-1]
    assert "2 of 3 files smaller" in after
    assert " files, " not in after


def test_in_a_log_no_line_moves(tree: Path) -> None:
    done = run(tree, *ARCH, environment={"CI": "true"})
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout


def _all_of(terminal: int) -> str:
    screen = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            os.close(terminal)
            return screen.decode()
        screen += data


def test_build_py_has_the_same_command(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_main(["prune", str(tree), *ARCH, "--accept", "libforeign.so", "--yes"]) == 0
    assert "2 of 3 files smaller" in capsys.readouterr().out
    assert build_main(["prune", str(tree)]) == 2
    assert "no chip is named" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        build_main(["prune", "--help"])
    assert capsys.readouterr().out.startswith("usage: build.py prune")
