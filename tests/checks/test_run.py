"""A whole run: the verdict, the lines for people, the exit status, and input that cannot be."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.paths import ROOT
from checks.cli import main
from checks.expectation import load
from tests.checks.images import EXAMPLES, SITE, Image, cpu_image, rocm_image, run
from tests.checks.linked import Linked
from tests.pruner.tree.trees import hip_library

MAKERS = {"cpu": cpu_image, "gfx1151": rocm_image}


@pytest.mark.parametrize("target", MAKERS)
def test_an_image_without_a_fault_gets_its_verdict(target: str, tmp_path: Path) -> None:
    image = MAKERS[target](tmp_path / "image")
    assert run(image, tmp_path / "one.json") == 0
    assert run(MAKERS[target](tmp_path / "another"), tmp_path / "two.json") == 0
    verdict = (tmp_path / "one.json").read_text("utf-8")
    assert verdict == (tmp_path / "two.json").read_text("utf-8")
    assert str(tmp_path) not in verdict
    assert json.loads(verdict)["target"] == target
    assert json.loads(verdict)["checks"]["versions"] == image.expect["versions"]


def test_the_verdict_tells_what_was_found(tmp_path: Path) -> None:
    run(rocm_image(tmp_path / "image"), tmp_path / "verdict.json")
    checks = json.loads((tmp_path / "verdict.json").read_bytes())["checks"]
    assert checks["platform"] == {"platform": "RocmPlatform", "chip": "gfx1151", "triton": True}
    assert checks["code"]["code"] == ["gfx1151"]
    assert len(checks["kpack"]["archives"]) == 2
    assert len(checks["fingerprint"]["triton"]) == 64


def _failures(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Check -> its line. A hint stands behind each line."""
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("hint:  ") for line in lines[1::2])
    return dict(_parted(lines[::2]))


def _parted(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, text = line.removeprefix("error: check ").partition(": ")
        yield name, text


def test_each_failed_check_has_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = rocm_image(tmp_path / "image")
    image.expect["versions"]["torch"] = "2.14.0"
    image.put(f"{SITE}/torch/lib/libtorch_hip.so", hip_library("gfx1151", "gfx942"))
    (image.site / "torch/.kpack/torch_gfx1151.kpack").unlink()
    image.library("vllm/_old.so", Linked(wanted=("_ZN3c104goneEv",)))
    image.put("usr/bin/su", b"", 0o4755)
    assert run(image, tmp_path / "verdict.json") == 1
    assert not (tmp_path / "verdict.json").exists()
    assert _failures(capsys) == {
        "versions": "torch is 2.13.0+rocm10.0.0, 2.14.0 is expected",
        "symbols": f"{SITE}/vllm/_old.so wants _ZN3c104goneEv, which nothing here defines",
        "kpack": "there is no torch/.kpack/torch_gfx1151.kpack below site-packages",
        "records": f"{SITE}/torch/.kpack/torch_gfx1151.kpack of amd-torch-device-gfx1151 is not there",
        "code": f"{SITE}/torch/lib/libtorch_hip.so holds code for other chips: gfx942 (100.0 kB)",
        "privileged": "/usr/bin/su is setuid",
    }


def test_many_faults_of_one_check_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = cpu_image(tmp_path / "image")
    for number in range(5):
        image.put(f"usr/bin/su{number}", b"", 0o4755)
    assert run(image) == 1
    assert _failures(capsys) == {
        "privileged": "/usr/bin/su0 is setuid; /usr/bin/su1 is setuid; /usr/bin/su2 is setuid; and 2 more"
    }


def test_a_broken_server_is_told_of_by_each_check_that_asks_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = cpu_image(tmp_path / "image")
    (image.site / "vllm/envs.py").unlink()
    assert run(image) == 1
    failures = _failures(capsys)
    assert set(failures) == {"platform", "arguments", "variables"}
    assert "No module named 'vllm.envs'" in failures["variables"]


def test_the_stubs_stay_out_of_the_image(tmp_path: Path) -> None:
    image = rocm_image(tmp_path / "image")
    before = _listing(image)
    assert run(image) == 0
    assert _listing(image) == before


def _listing(image: Image) -> set[str]:
    return {str(path) for path in image.root.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("target", MAKERS)
def test_it_runs_as_a_program_without_leaving_itself_to_the_server(target: str, tmp_path: Path) -> None:
    """PYTHONPATH names the checks' own home, which the server must not see."""
    image = MAKERS[target](tmp_path / "image")
    with (image.site / "vllm/platforms/__init__.py").open("a", encoding="utf-8") as file:
        file.write("import importlib.util\nassert importlib.util.find_spec('checks') is None\n")
    (tmp_path / "checks.json").write_text(json.dumps(image.expect), "utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "checks", str(tmp_path / "checks.json"), "--root", str(image.root)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "ok      versions"


def test_what_the_server_says_besides_is_passed_over(tmp_path: Path) -> None:
    image = cpu_image(tmp_path / "image")
    with (image.site / "vllm/envs.py").open("a", encoding="utf-8") as file:
        file.write("import atexit\nprint('INFO begins')\natexit.register(print, '(pid=1) INFO ends')\n")
    assert run(image) == 0


def test_the_error_counts_and_not_what_is_said_after_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = cpu_image(tmp_path / "image")
    words = b"#!/bin/sh\necho 'ImportError: libgone.so.1' >&2; echo 'leaked semaphores' >&2; exit 1\n"
    image.put("opt/venv/bin/vllm", words, 0o755)
    assert run(image) == 1
    assert _failures(capsys) == {"starts": "`vllm serve --help` does not start: ImportError: libgone.so.1"}


def test_a_server_that_answers_nonsense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = cpu_image(tmp_path / "image")
    image.put("opt/venv/bin/python", b"#!/bin/sh\necho '{}'\n", 0o755)
    assert run(image) == 1
    failures = _failures(capsys)
    assert failures["arguments"] == "cannot be carried out: KeyError: 'rejected'"


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """The server itself sends the signal, once it is waited for."""
    image = cpu_image(tmp_path / "image")
    image.put("opt/venv/bin/vllm", b"#!/bin/sh\nkill -INT $PPID\nexec tail -f /dev/null\n", 0o755)
    (tmp_path / "checks.json").write_text(json.dumps(image.expect), "utf-8")
    expect, verdict, scratch = tmp_path / "checks.json", tmp_path / "verdict.json", tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "checks", str(expect), "--root", str(image.root), "--verdict", str(verdict)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[0] == "error: interrupted"
    assert not verdict.exists()
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_examples_can_be_read(example: Path) -> None:
    assert load(example).target == example.stem


GOOD = {"format": 1, "image": "vllm", "target": "cpu", "vendor": "none", "archs": []}
BAD: dict[str, tuple[object, str]] = {
    "not a mapping": (["cpu"], "['cpu'] is no mapping of keys"),
    "an unknown key": ({**GOOD, "version": {}}, "'version' is no key that is known here"),
    "a missing key": ({"format": 1}, "image is not given"),
    "another format": ({**GOOD, "format": 2}, "format is 2, not the number 1"),
    "another vendor": ({**GOOD, "vendor": "intel"}, "vendor is 'intel', not one of nvidia, amd, none"),
    "a number for a text": ({**GOOD, "target": 7}, "target is 7, not a text"),
    "a text for a list": ({**GOOD, "args": "--x"}, "args is '--x', not a list of texts"),
    "a number in a mapping": ({**GOOD, "env": {"A": 1}}, "env is {'A': 1}, not a mapping of texts to texts"),
    "a tree outside": ({**GOOD, "trees": ["../x"]}, "trees is ['../x'], not a list of paths below the root"),
    "a user's name": ({**GOOD, "user": "root"}, "user is 'root', not a numeric user and group"),
    "a short fingerprint": (
        {**GOOD, "fingerprint": "abc"},
        "fingerprint is 'abc', not 64 hexadecimal digits",
    ),
    "a vendor without chips": ({**GOOD, "vendor": "amd"}, "vendor amd with archs []"),
    "chips of another vendor": (
        {**GOOD, "vendor": "amd", "archs": ["sm_90"]},
        "'sm_90' is no chip of vendor amd",
    ),
    "a chip that is none": (
        {**GOOD, "vendor": "amd", "archs": ["gfx11x"]},
        "'gfx11x' is no name of a chip",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_an_expectation_that_cannot_be(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, words = BAD[case]
    path = tmp_path / "checks.json"
    path.write_text(json.dumps(content), "utf-8")
    assert main([str(path), "--root", str(tmp_path)]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {path}: ")
    assert words in first
    assert hint.startswith("hint:  ")


def test_an_unknown_key_is_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checks.json"
    path.write_text(json.dumps({**GOOD, "version": {}}), "utf-8")
    assert main([str(path)]) == 2
    assert "did you mean versions?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: EXPECT.json"),
        (["{tmp}/none.json"], "cannot read {tmp}/none.json: No such file or directory"),
        (["{tmp}/text"], "{tmp}/text is no JSON"),
        (["{tmp}/good.json", "--root", "{tmp}/none"], "{tmp}/none is no folder"),
        (["{tmp}/good.json", "--root", "{tmp}", "--verdict", "{tmp}/no/out"], "cannot write {tmp}/no/out"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("{", "utf-8")
    (tmp_path / "good.json").write_text(json.dumps({**GOOD, "venv": ""}), "utf-8")
    assert main([each.format(tmp=tmp_path) for each in arguments]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert words.format(tmp=tmp_path) in first
    assert hint.startswith("hint:  ")
