"""What is found in a tree, and what is left unseen."""

import os
import socket
from pathlib import Path

import pytest

from pruner.errors import PrunerError
from pruner.replace import LEFTOVER
from pruner.tree.walk import Tree, place_of, survey
from tests.pruner.fatbins import code
from tests.pruner.tree.trees import fat, put, rocblas, slim


def look(root: Path, *kept: str) -> Tree:
    return survey(root, lambda name: name in kept)


def names(tree: Tree) -> list[str]:
    return sorted(name for library in tree.libraries for name in library.names)


def test_libraries_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    put(tmp_path / "lib/libx.so.1.2", slim())
    put(tmp_path / ".hidden/deeper/plugin", slim())
    put(tmp_path / "lib/looks_like_one.so", b"INPUT(libx.so.1)")
    put(tmp_path / "lib/empty.so", b"")
    put(tmp_path / "lib/short.so", b"\x7fELF")
    assert names(look(tmp_path)) == [".hidden/deeper/plugin", "lib/libx.so.1.2"]


def test_files_too_small_to_gain_from_are_not_looked_into(tmp_path: Path) -> None:
    for name, size in (("small.so", 9999), ("large.so", 10000)):
        put(tmp_path / name, slim()[:9000].ljust(size, b"\0"))
    assert names(survey(tmp_path, lambda _name: False, 10000)) == ["large.so"]


def test_code_for_a_gpu_is_no_library(tmp_path: Path) -> None:
    for machine in (224, 190):
        head = bytearray(code("gfx1100", 2000))
        head[4:6], head[18:20] = b"\x02\x01", machine.to_bytes(2, "little")
        put(tmp_path / f"machine_{machine}.bin", bytes(head))
    assert names(look(tmp_path)) == []


def test_nothing_is_followed_and_nothing_special_is_opened(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside/libo.so", slim())
    tree = tmp_path / "tree"
    put(tree / "lib/liba.so.1", slim())
    links = {
        "lib/liba.so": "liba.so.1",
        "lib64": "lib",
        "loop": "loop",
        "around": "../tree",
        "dangling": "nowhere",
        "out.so": str(outside),
        "out": str(outside.parent),
    }
    for name, target in links.items():
        (tree / name).symlink_to(target)
    os.mkfifo(tree / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree / "socket"))
        found = look(tree)
    assert names(found) == ["lib/liba.so.1"]
    assert sorted(found.links) == sorted(links)
    assert sorted(found.dates) == ["", "lib"]
    assert not found.unreadable


def test_a_file_with_several_names_is_one(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    first = put(tree / "b/libx.so", slim())
    (tree / "a").mkdir()
    os.link(first, tree / "a/libx.so")
    os.link(first, tmp_path / "outside.so")
    (library,) = look(tree).libraries
    assert library.names == ("a/libx.so", "b/libx.so")
    assert library.names_outside == 1


def test_the_largest_library_comes_first(tmp_path: Path) -> None:
    for number, extra in enumerate([10, 3000, 200]):
        put(tmp_path / f"lib{number}.so", slim() + bytes(extra))
    assert [library.name for library in look(tmp_path).libraries] == ["lib1.so", "lib2.so", "lib0.so"]


def test_kernel_folders_records_and_leftovers_are_found(tmp_path: Path) -> None:
    rocblas(tmp_path / "rocblas/library", "gfx906", "gfx1100")
    put(tmp_path / "site/foo-1.dist-info/RECORD", b"")
    put(tmp_path / f"site/.libx.so.1234{LEFTOVER}", slim())
    found = look(tmp_path)
    assert [(folder.form, folder.path) for folder in found.kernels] == [("rocblas", "rocblas/library")]
    assert found.records == ("site/foo-1.dist-info/RECORD",)
    assert found.leftovers == (f"site/.libx.so.1234{LEFTOVER}",)
    assert names(found) == []


def test_what_is_kept_is_not_seen(tmp_path: Path) -> None:
    for name in ("liba.so", "libb.so"):
        put(tmp_path / name, fat())
    assert names(look(tmp_path, "liba.so")) == ["libb.so"]


def test_other_file_systems_are_not_entered() -> None:
    folders = {path.name for path in Path("/dev").iterdir() if path.is_dir() and os.path.ismount(path)}
    assert folders, "every Linux has /dev/pts or /dev/shm"
    found = look(Path("/dev"))
    assert folders <= set(found.mounts)
    assert not any(name.split("/")[0] in folders for name in (*found.dates, *names(found)))


def test_one_file_is_a_tree_of_its_own(tmp_path: Path) -> None:
    put(tmp_path / "liba.so", slim())
    found = look(put(tmp_path / "libb.so", slim()))
    assert (found.root, names(found)) == (tmp_path, ["libb.so"])


def test_names_that_are_no_text_are_names(tmp_path: Path) -> None:
    name = os.fsdecode(b"lib\xff\n.so")
    put(tmp_path / name, slim())
    assert names(look(tmp_path)) == [name]


def test_a_link_given_by_a_person_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert place_of(tmp_path / "link") == tmp_path / "real"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "No such file"),
        ("dangling", "No such file"),
        ("loop", "circle"),
        ("/dev/null", "neither a folder nor a file"),
        ("file/below", "Not a directory"),
    ],
)
def test_what_is_no_tree(name: str, message: str, tmp_path: Path) -> None:
    put(tmp_path / "file", b"")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PrunerError, match=message) as error:
        place_of(tmp_path / name)
    assert error.value.hint
