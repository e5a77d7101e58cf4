"""A policy carried out: it takes what it names, only that, all of it or nothing. RECORD files stay true."""

import base64
import csv
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.paths import ROOT
from pruner.deadweight.__main__ import main
from tests.pruner.elves import Elf
from tests.pruner.linking import build

SITE = "opt/venv/lib/python3.11/site-packages"
LIBRARY = build(Elf(symbols=2000, debug=9000)).data
BARE = build(Elf()).data

Lighten = Callable[..., tuple[int, str, str]]


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A layer with one distribution, its RECORD true."""
    site = tmp_path / "layer" / SITE
    contents = {
        "pkg/__init__.py": b"x = 1\n",
        "pkg/tests/test_x.py": b"assert True\n",
        "pkg/include/x.h": b"int x;\n",
        "pkg/_c.so": LIBRARY,
        "pkg/_d.so": LIBRARY + b"other",
        "pkg/_bare.so": BARE,
        "pkg/bin/needed": LIBRARY,
        "pkg/bin/other": BARE,
        "../../libx.a": b"!<arch>\n",
    }
    rows = [[name, *written(site / name, content)] for name, content in contents.items()]
    rows.append(["pkg-1.dist-info/RECORD", "", ""])
    record = site / "pkg-1.dist-info/RECORD"
    record.parent.mkdir(parents=True)
    with record.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return tmp_path / "layer"


@pytest.fixture
def lighten(layer: Path, capsys: pytest.CaptureFixture[str]) -> Lighten:
    """Carry a policy out on the layer: exit status, and what was said on both streams."""

    def run(policy: str, *options: str, family: str = "cpu", tree: Path = layer) -> tuple[int, str, str]:
        file = layer.parent / "policy.txt"
        file.write_text(policy)
        status = main([f"--family={family}", *options, str(tree), str(file)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def written(path: Path, content: bytes) -> tuple[str, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return recorded_hash(content), str(len(content))


def recorded_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def record(layer: Path) -> dict[str, list[str]]:
    with (layer / SITE / "pkg-1.dist-info/RECORD").open(newline="") as file:
        return {row[0]: row[1:] for row in csv.reader(file)}


def assert_record_is_true(layer: Path) -> None:
    for name, (digest, size) in record(layer).items():
        path = layer / SITE / name
        assert path.exists(), name
        if digest:
            assert (digest, int(size)) == (recorded_hash(path.read_bytes()), path.stat().st_size), name


def contents(layer: Path) -> dict[str, bytes]:
    return {str(path.relative_to(layer)): path.read_bytes() for path in layer.rglob("*") if path.is_file()}


def test_an_empty_policy_changes_nothing(layer: Path, lighten: Lighten) -> None:
    before = contents(layer)
    assert lighten("# nothing\n\n")[0] == 0
    assert contents(layer) == before


def test_files_and_folders_go_with_their_rows(layer: Path, lighten: Lighten) -> None:
    status, _, said = lighten(
        "delete all - pkg/**/tests a reason\n"
        "delete all - pkg/include/* no compiler\n"
        "delete all - /lib/*.a static\n"
    )
    assert status == 0, said
    assert not (layer / SITE / "pkg/tests").exists()
    assert not (layer / SITE / "pkg/include").exists(), "an emptied folder stays behind"
    assert not (layer / "opt/venv/lib/libx.a").exists()
    assert set(record(layer)) == {
        "pkg/__init__.py",
        "pkg/_c.so",
        "pkg/_d.so",
        "pkg/_bare.so",
        "pkg/bin/needed",
        "pkg/bin/other",
        "pkg-1.dist-info/RECORD",
    }
    assert_record_is_true(layer)


def test_a_folder_that_was_empty_before_stays(layer: Path, lighten: Lighten) -> None:
    (layer / SITE / "pkg/spool").mkdir()
    assert lighten("delete all - pkg/tests tests\n")[0] == 0
    assert (layer / SITE / "pkg/spool").is_dir()


def test_rows_of_other_families_are_left_out(layer: Path, lighten: Lighten) -> None:
    policy = "delete cuda - pkg/nowhere x\ndelete cuda,cpu - pkg/tests x\ndelete rocm - pkg/include x\n"
    status, said, _ = lighten(policy)
    assert status == 0
    assert "pkg/nowhere" not in said
    assert not (layer / SITE / "pkg/tests").exists()
    assert (layer / SITE / "pkg/include").exists()


def test_megabytes_and_reasons_are_shown_and_a_size_that_is_off_is_told(
    layer: Path, lighten: Lighten
) -> None:
    (layer / SITE / "pkg/include/big.h").write_bytes(bytes(1_500_000))
    _, said, _ = lighten(
        "delete all 1.4 pkg/include/big.h headers; no compiler\ndelete all 9 pkg/tests tests\n"
    )
    assert "delete      1.50  pkg/include/big.h  (headers; no compiler)\n" in said
    assert "delete      0.00  pkg/tests  (tests)  [its row says 9.0 MB]\n" in said
    assert "1.8 MB -> 0.3 MB" in said


def test_a_dry_run_shows_the_same_and_changes_nothing(layer: Path, lighten: Lighten) -> None:
    before = contents(layer)
    policy = "delete all 0.0 pkg/tests tests\nstrip all 0.1 pkg/_c.so symbols\n"
    status, dry, _ = lighten(policy, "--dry-run")
    assert status == 0
    assert contents(layer) == before
    _, real, _ = lighten(policy)
    assert dry.replace(" in a dry run", "") == real
    assert contents(layer) != before


def test_what_is_said_to_be_left_is_left(layer: Path, lighten: Lighten) -> None:
    _, said, _ = lighten("delete all - pkg/tests x\nstrip all - pkg/*.so symbols\n")
    left = sum(len(content) for content in contents(layer).values())
    assert f"-> {left / 1e6:,.1f} MB" in said


def test_keep_shields_from_the_rows_below_it(layer: Path, lighten: Lighten) -> None:
    status, _, said = lighten("keep all - pkg/bin/needed because\ndelete all - pkg/bin/* tests\n")
    assert status == 0, said
    assert (layer / SITE / "pkg/bin/needed").exists()
    assert not (layer / SITE / "pkg/bin/other").exists()


def test_a_row_that_another_table_shields_from_does_nothing(layer: Path) -> None:
    tables = {"more.txt": "keep all - pkg/bin/* because\n", "base.txt": "delete all - pkg/bin/* tests\n"}
    paths = [layer.parent / name for name in tables]
    for path, text in zip(paths, tables.values(), strict=True):
        path.write_text(text)
    assert main(["--family=cpu", str(layer), *map(str, paths)]) == 0
    assert list((layer / SITE / "pkg/bin").iterdir())


def test_keep_does_not_shield_from_the_rows_above_it(layer: Path, lighten: Lighten) -> None:
    status, _, said = lighten("delete all - pkg/bin/* tests\nkeep all - pkg/bin/needed because\n")
    assert status == 1
    assert "policy.txt:2: nothing matches 'pkg/bin/needed'" in said
    assert (layer / SITE / "pkg/bin/needed").exists()


def test_only_what_is_named_is_stripped(layer: Path, lighten: Lighten) -> None:
    before = contents(layer)
    status, _, said = lighten("strip all - pkg/_c.so symbols\n")
    assert status == 0, said
    after = contents(layer)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"{SITE}/pkg/_c.so", f"{SITE}/pkg-1.dist-info/RECORD"}
    assert len(after[f"{SITE}/pkg/_c.so"]) < len(LIBRARY) - 9000
    assert_record_is_true(layer)


def test_a_wide_pattern_passes_over_what_has_no_symbols(layer: Path, lighten: Lighten) -> None:
    status, _, said = lighten("strip all - **/*.so symbols\n")
    assert status == 0, said
    assert (layer / SITE / "pkg/_bare.so").read_bytes() == BARE
    assert (layer / SITE / "pkg/_c.so").stat().st_size < len(LIBRARY)
    assert_record_is_true(layer)


def test_stripping_keeps_the_mode(layer: Path, lighten: Lighten) -> None:
    (layer / SITE / "pkg/_c.so").chmod(0o751)
    assert lighten("strip all - pkg/_c.so symbols\n")[0] == 0
    assert (layer / SITE / "pkg/_c.so").stat().st_mode & 0o7777 == 0o751


def test_rows_of_record_that_were_wrong_before_are_left_alone(layer: Path, lighten: Lighten) -> None:
    path = layer / SITE / "pkg-1.dist-info/RECORD"
    path.write_text(path.read_text() + '"pkg/a,b.py",sha256=AAAA,7\npkg/__init__.py,sha256=BBBB,99\n')
    assert lighten("delete all - pkg/tests tests\n")[0] == 0
    assert path.read_text().endswith('"pkg/a,b.py",sha256=AAAA,7\npkg/__init__.py,sha256=BBBB,99\n')


def test_a_link_goes_and_its_target_stays(layer: Path, lighten: Lighten) -> None:
    (layer / SITE / "pkg/link").symlink_to("bin")
    assert lighten("delete all - pkg/link a link\n")[0] == 0
    assert not (layer / SITE / "pkg/link").is_symlink()
    assert (layer / SITE / "pkg/bin/needed").exists()


def test_nothing_outside_of_the_tree_is_reached_through_a_link(layer: Path, lighten: Lighten) -> None:
    outside = layer.parent / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (layer / SITE / "pkg/out").symlink_to(outside)
    status, _, said = lighten("delete all - pkg/out/* tests\n")
    assert status == 1
    assert "leads through a link out of the tree" in said
    assert (outside / "precious").exists()
    assert lighten("delete all - pkg/**/precious tests\n")[0] == 1
    assert (outside / "precious").exists()


def twins(layer: Path, *names: str, content: bytes = b"the same") -> list[Path]:
    paths = [layer / SITE / name for name in names]
    for path in paths:
        written(path, content)
    return paths


def test_equal_files_become_one_with_several_names(layer: Path, lighten: Lighten) -> None:
    library = b"the same" * 100_000
    first, second, third = twins(layer, "pkg/lib.so", "pkg/lib.so.1", "pkg/lib.so.1.2", content=library)
    fourth, fifth = twins(layer, "pkg/lib.so.2", "pkg/lib.so.2.1", content=b"another one")
    status, said, _ = lighten("link all 1.6 pkg/lib.so* names\n")
    assert status == 0
    assert first.samefile(second)
    assert first.samefile(third)
    assert fourth.samefile(fifth)
    assert first.read_bytes() == library
    assert not fourth.samefile(first)
    assert "link        1.60  pkg/lib.so*  (names)\n" in said
    assert "2.7 MB -> 1.1 MB" in said
    assert {path.name for path in first.parent.glob(".*")} == set(), "a temporary name stays behind"


def test_names_that_are_links_already_are_left(layer: Path, lighten: Lighten) -> None:
    first, second = twins(layer, "pkg/lib.so", "pkg/lib.so.1")
    third = layer / SITE / "pkg/lib.so.0"
    third.symlink_to("lib.so.1")
    assert lighten("link all - pkg/lib.so* names\n")[0] == 0
    assert first.samefile(second)
    assert third.is_symlink()


def test_a_file_without_an_equal_is_an_error(layer: Path, lighten: Lighten) -> None:
    first, second = twins(layer, "pkg/lib.so", "pkg/lib.so.1")
    second.write_bytes(b"the Same")
    before = contents(layer)
    status, _, said = lighten("delete all - pkg/tests tests\nlink all - pkg/lib.so* names\n")
    assert status == 1
    assert "policy.txt:2: no other file equals" in said
    assert contents(layer) == before
    assert first.stat().st_nlink == second.stat().st_nlink == 1


def test_one_file_has_one_mode(layer: Path, lighten: Lighten) -> None:
    first, second = twins(layer, "pkg/lib.so", "pkg/lib.so.1")
    second.chmod(0o755)
    first.chmod(0o644)
    status, _, said = lighten("link all - pkg/lib.so* names\n")
    assert status == 1
    assert "mode or owner of" in said
    assert not first.samefile(second)


def test_files_that_are_one_already_are_an_error(layer: Path, lighten: Lighten) -> None:
    twins(layer, "pkg/lib.so", "pkg/lib.so.1")
    assert lighten("link all - pkg/lib.so* names\n")[0] == 0
    status, _, said = lighten("link all - pkg/lib.so* names\n")
    assert status == 1
    assert "are one file already" in said


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("\ndelete all - pkg/nothing gone upstream\n", "policy.txt:2: nothing matches 'pkg/nothing'"),
        ("keep all - pkg/nothing gone upstream\n", "nothing matches 'pkg/nothing'"),
        ("strip all - pkg/*.o gone upstream\n", "nothing matches 'pkg/*.o'"),
        ("link all - pkg/*.o gone upstream\n", "nothing matches 'pkg/*.o'"),
        ("delete all - pkg/{tests,nothing} x\n", "nothing matches 'pkg/nothing'"),
        ("delete all - pkg/tests tests\ndelete all - pkg/tests again\n", "policy.txt:2: nothing matches"),
        ("keep all - pkg/tests x\ndelete all - pkg/tests x\n", "policy.txt:2: nothing matches"),
        ("strip all - pkg/__init__.py symbols\n", "is no ELF file"),
        ("strip all - pkg/_bare.so symbols\n", "names nothing that has symbols to strip"),
        ("delete all - pkg/tests tests\nremove all - pkg x\n", "no action is called 'remove'"),
    ],
)
def test_a_policy_that_is_not_true_is_refused_before_anything_changes(
    layer: Path, lighten: Lighten, policy: str, said: str
) -> None:
    before = contents(layer)
    status, out, error = lighten(
        f"delete all - pkg/include headers\n{policy}" if policy[0] != "\n" else policy
    )
    assert status == 1
    assert out == ""
    assert error.startswith("error: policy.txt:")
    assert said.replace("txt:2", "txt:3" if policy[0] != "\n" else "txt:2") in error
    assert contents(layer) == before


def test_a_library_that_cannot_be_stripped_stops_it(layer: Path, lighten: Lighten) -> None:
    path = layer / SITE / "pkg/_c.so"
    path.write_bytes(LIBRARY[:200])
    before = contents(layer)
    status, _, said = lighten("delete all - pkg/tests x\nstrip all - pkg/_c.so symbols\n")
    assert status == 1
    assert "policy.txt:2: " in said
    assert contents(layer) == before


def test_a_disk_that_fills_up_leaves_whole_files_and_a_true_record(layer: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.txt"
    policy.write_text("delete all - pkg/tests x\nstrip all - pkg/_c.so symbols\ndelete all - pkg/include x\n")
    code = (
        "import resource, sys; from pruner.deadweight.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); sys.exit(main())"
    )
    argv = [sys.executable, "-c", code, "--family=cpu", str(layer), str(policy)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "pkg/_c.so does not let itself be stripped" in done.stderr
    assert (layer / SITE / "pkg/_c.so").read_bytes() == LIBRARY
    assert not (layer / SITE / "pkg/tests").exists()
    assert (layer / SITE / "pkg/include").exists()
    assert_record_is_true(layer)
    assert [path.name for path in (layer / SITE / "pkg").iterdir() if "gfxpack" in path.name] == []


def test_a_tree_may_be_an_environment_or_its_site_packages(layer: Path, lighten: Lighten) -> None:
    assert lighten("delete all - pkg/tests x\n", tree=layer / "opt/venv")[0] == 0
    assert lighten("delete all - pkg/include x\n", tree=layer / SITE)[0] == 0
    assert lighten("delete all - /lib/libx.a x\n", tree=layer / "opt/venv")[0] == 0
    assert_record_is_true(layer)


def test_rows_of_the_environment_need_one(layer: Path, lighten: Lighten) -> None:
    """Above a bare site-packages there may be anything: a pattern such as /lib/* must not get there."""
    status, _, said = lighten("delete all - /lib/*.a x\n", tree=layer / SITE)
    assert status == 1
    assert "is of an environment" in said
    assert (layer / "opt/venv/lib/libx.a").exists()


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ([], "holds none"),
        (["opt/venv/lib/python3.11/site-packages", "opt/venv/lib/python3.12/site-packages"], "python3.12"),
    ],
)
def test_a_tree_has_one_site_packages(
    tmp_path: Path, lighten: Lighten, folders: list[str], said: str
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for folder in folders:
        (tree / folder).mkdir(parents=True)
    status, _, error = lighten("", tree=tree)
    assert status == 1
    assert said in error


def test_a_tree_that_is_none(tmp_path: Path, lighten: Lighten) -> None:
    status, _, error = lighten("", tree=tmp_path / "nowhere")
    assert status == 1
    assert error.startswith("error: ")
    assert "nowhere is no folder" in error


def test_several_policies_are_one(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("keep all - pkg/bin/needed x\n")
    (tmp_path / "b.txt").write_text("delete all - pkg/bin/* x\n")
    assert main(["--family=cpu", str(layer), str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]) == 0
    assert [path.name for path in (layer / SITE / "pkg/bin").iterdir()] == ["needed"]


def test_as_an_image_build_calls_it(layer: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.txt").write_text("delete all - pkg/nowhere x\n")
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]; import runpy; "
               "runpy.run_module('pruner.deadweight', run_name='__main__', alter_sys=True)"]  # fmt: skip
    argv = [*command, "--family=cpu", str(layer), str(tmp_path / "policy.txt")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: policy.txt:1: nothing matches 'pkg/nowhere'",
        "hint: a policy is true of the versions that it was written for",
    ]
