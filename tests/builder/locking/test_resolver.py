"""Resolving with the real uv, against folder indexes made for the test."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.errors import ConfigError, GfxpackError, SourceError
from builder.locking import Plan, write_lock
from builder.requirements import Requirement, parse, read
from builder.resolver import Question, resolve
from builder.sources import Sources
from builder.sources.apt import AptConfiguration
from builder.sources.pip import PipConfiguration
from tests.fakes.wheels import FolderIndex, make_wheel

UV = Path(sys.executable).with_name("uv")
LINUX = "cp311-cp311-manylinux_2_28_x86_64"
Ask = Callable[..., list[Requirement]]


@pytest.fixture
def index(tmp_path: Path) -> FolderIndex:
    return FolderIndex(tmp_path / "index")


@pytest.fixture
def folder(tmp_path: Path) -> FolderIndex:
    return FolderIndex(tmp_path / "folder")


@pytest.fixture(autouse=True)
def _quick_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def ask(question: Question, **pip: object) -> list[Requirement]:
        workdir = tmp_path / "work"
        workdir.mkdir(exist_ok=True)
        return resolve(question, _sources(**pip), uv=UV, workdir=workdir)

    return ask


def _sources(**pip: object) -> Sources:
    return Sources(PipConfiguration(**pip), AptConfiguration())  # type: ignore[arg-type]


def test_dependencies_come_with_all_their_hashes(index: FolderIndex, ask: Ask) -> None:
    app = index.add("app", requires=["library>=2", "windows-only; sys_platform == 'win32'"])
    index.add("library", "1.0")
    two = {
        index.add("library", "2.0", tag="cp311-cp311-manylinux_2_17_x86_64"),
        index.add("library", "2.0", tag="py3-none-any"),
    }
    index.add("library", "2.0", tag="cp313-cp313-manylinux_2_17_x86_64")
    index.add("library", "2.0", tag="cp311-cp311-macosx_11_0_arm64")
    answer = ask(Question(["app"], python="3.11"), index=index.url)
    assert answer == [
        Requirement("app", "1.0", "", (app,)),
        Requirement("library", "2.0", "", tuple(sorted(two))),
    ]


def test_a_universal_answer_holds_for_other_pythons_and_platforms(index: FolderIndex, ask: Ask) -> None:
    index.add("app", requires=["backport; python_version < '3.13'"])
    index.add("backport")
    tags = ["cp311-cp311-manylinux_2_17_x86_64", "cp314-cp314-manylinux_2_17_aarch64"]
    hashes = {index.add("speedups", tag=tag) for tag in tags}
    answer = {
        requirement.name: requirement
        for requirement in ask(Question(["app", "speedups"], python="3.11", universal=True), index=index.url)
    }
    assert "python_full_version < '3.13'" in answer["backport"].marker
    assert set(answer["speedups"].hashes) == hashes


def test_a_local_version_is_found_where_only_a_folder_of_wheels_has_it(
    index: FolderIndex, tmp_path: Path, ask: Ask
) -> None:
    index.add("torch", "2.13.0", tag=LINUX)
    digest = make_wheel(tmp_path / "links", "torch", "2.13.0+cpu", tag=LINUX)
    answer = ask(
        Question(["torch==2.13.0+cpu"], python="3.11"), index=index.url, find_links=(str(tmp_path / "links"),)
    )
    assert answer == [Requirement("torch", "2.13.0+cpu", "", (digest,))]


def test_what_is_left_out_takes_its_own_needs_along(index: FolderIndex, ask: Ask) -> None:
    index.add("app", requires=["library", "unwanted"])
    index.add("library")
    index.add("unwanted", requires=["only-for-unwanted"])
    answer = ask(Question(["app"], python="3.11", without=["unwanted"]), index=index.url)
    assert [requirement.name for requirement in answer] == ["app", "library"]


def test_folders_on_disk_are_asked_only_where_the_index_has_no_answer(
    index: FolderIndex, folder: FolderIndex, ask: Ask
) -> None:
    both = {index.add("library", tag=tag) for tag in ("py3-none-any", LINUX)}
    folder.add("library")
    folder.add("library", "2.0")
    assert ask(Question(["library"], python="3.11"), index=index.url, folders=(folder.url,)) == [
        Requirement("library", "1.0", "", tuple(sorted(both)))
    ]
    newer = ask(Question(["library>=2"], python="3.11"), index=index.url, folders=(folder.url,))
    assert newer[0].version == "2.0"


def test_an_upstream_index_is_asked_last(index: FolderIndex, folder: FolderIndex, ask: Ask) -> None:
    index.add("library")
    folder.add("library", "2.0")
    folder.add("special")
    question = Question(["library"], python="3.11", upstream_index=folder.url)
    assert ask(question, index=index.url)[0].version == "1.0"
    question = Question(["special"], python="3.11", upstream_index=folder.url)
    assert ask(question, index=index.url)[0].name == "special"


def test_an_override_wins_over_what_a_wheel_asks_for(index: FolderIndex, ask: Ask) -> None:
    index.add("app", requires=["library>=2"])
    index.add("library", "1.9")
    with pytest.raises(SourceError, match="fit together"):
        ask(Question(["app"], python="3.11"), index=index.url)
    answer = ask(Question(["app"], python="3.11", overrides=["library>=1.9"]), index=index.url)
    assert [str(pin) for pin in answer] == ["app==1.0", "library==1.9"]


def test_an_override_of_what_nothing_asks_for_brings_nothing(index: FolderIndex, ask: Ask) -> None:
    index.add("app")
    index.add("library")
    answer = ask(Question(["app"], python="3.11", overrides=["library>=1"]), index=index.url)
    assert [pin.name for pin in answer] == ["app"]


def test_without_a_network_folders_alone_are_enough(folder: FolderIndex, ask: Ask) -> None:
    folder.add("library")
    answer = ask(Question(["library"], python="3.11"), folders=(folder.url,), no_index=True)
    assert answer[0].name == "library"


@pytest.mark.parametrize(
    ("requirement", "cause"),
    [
        ("absent", "absent was not found"),
        ("library==9", "no version of library==9"),
        ("source", "no usable wheels"),
    ],
)
def test_no_answer_says_why(index: FolderIndex, ask: Ask, requirement: str, cause: str) -> None:
    index.add("library")
    index.add_source("source")
    with pytest.raises(SourceError) as error:
        ask(Question([requirement], python="3.11"), index=index.url)
    assert cause in " ".join(error.value.evidence)


def test_a_wheel_of_a_newer_c_library_than_the_images_have_is_no_answer(index: FolderIndex, ask: Ask) -> None:
    index.add("library", tag="cp311-cp311-manylinux_2_39_x86_64")
    with pytest.raises(SourceError):
        ask(Question(["library"], python="3.11"), index=index.url)


def test_a_requirement_that_is_none_is_named(index: FolderIndex, ask: Ask) -> None:
    with pytest.raises(SourceError) as error:
        ask(Question(["library==="], python="3.11"), index=index.url)
    assert "library===" in " ".join(error.value.evidence)


def test_an_index_that_does_not_answer_is_named_without_its_password(ask: Ask) -> None:
    with pytest.raises(SourceError) as error:
        ask(Question(["library"], python="3.11"), index="http://user:secret@127.0.0.1:1/simple")
    assert "the package index at 127.0.0.1 does not answer" in error.value.message
    assert "secret" not in " ".join([error.value.message, error.value.hint or "", *error.value.evidence])


@pytest.mark.parametrize("setting", ["index", "extra_indexes", "find_links"])
@pytest.mark.parametrize("address", ["http://me:hun/ter2@127.0.0.1:1/simple", "http://[::1/me:hun:ter2@x"])
def test_an_address_that_is_none_is_an_error_without_its_password(
    setting: str, address: str, ask: Ask
) -> None:
    value = address if setting == "index" else (address,)
    with pytest.raises(SourceError) as error:
        ask(Question(["library"], python="3.11"), **{setting: value})
    said = " ".join([error.value.message, error.value.hint or "", *error.value.evidence])
    assert "hun" not in said
    assert "ter2" not in said


_RECORDER = """#!{python}
import json, os, sys
with open({record!r}, "a") as record:
    names = [name for name in os.environ if name.startswith("UV_")]
    record.write(json.dumps([sys.argv[1:], {{name: os.environ[name] for name in names}}]) + "\\n")
sys.exit(1)
"""


def test_no_address_is_among_the_arguments_which_all_users_can_read(tmp_path: Path) -> None:
    """Every attempt is recorded: what only uv's environment holds, only this user sees."""
    recorder, record = tmp_path / "uv", tmp_path / "record"
    recorder.write_text(_RECORDER.format(python=sys.executable, record=str(record)), encoding="utf-8")
    recorder.chmod(0o755)
    sources = _sources(
        index="https://me:one@a.example/simple",
        extra_indexes=("https://me:two@b.example/simple",),
        folders=("file:///srv/simple",),
        find_links=("https://me:three@c.example/", "/srv/a,b"),
        trusted_hosts=("a.example",),
    )
    question = Question(["library"], python="3.11", upstream_index="https://me:four@d.example/whl")
    with pytest.raises(SourceError):
        resolve(question, sources, uv=recorder, workdir=tmp_path)
    attempts = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    assert [variables["UV_INDEX"].split() for _, variables in attempts] == [
        ["https://me:two@b.example/simple"],
        ["https://me:two@b.example/simple", "file:///srv/simple"],
        ["https://me:two@b.example/simple", "file:///srv/simple", "https://me:four@d.example/whl"],
    ]
    for arguments, variables in attempts:
        assert "example/" not in " ".join(arguments)
        assert variables["UV_DEFAULT_INDEX"] == "https://me:one@a.example/simple"
        assert variables["UV_FIND_LINKS"].startswith("https://me:three@c.example/,")


def test_a_folder_of_wheels_may_have_a_comma_in_its_name(
    index: FolderIndex, tmp_path: Path, ask: Ask
) -> None:
    digest = make_wheel(tmp_path / "a,b", "library")
    index.add("other")
    answer = ask(Question(["library"], python="3.11"), index=index.url, find_links=(str(tmp_path / "a,b"),))
    assert answer == [Requirement("library", "1.0", "", (digest,))]


def test_a_silent_upstream_index_does_not_hide_what_is_missing(index: FolderIndex, ask: Ask) -> None:
    question = Question(["absent"], python="3.11", upstream_index="http://127.0.0.1:1/whl")
    with pytest.raises(SourceError) as error:
        ask(question, index=index.url)
    assert "fit together" in error.value.message
    assert "127.0.0.1" in (error.value.hint or "")
    assert "absent was not found" in " ".join(error.value.evidence)


def test_settings_of_uv_do_not_change_the_answer(
    index: FolderIndex, folder: FolderIndex, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add("library")
    folder.add("library", "2.0")
    monkeypatch.setenv("UV_INDEX", folder.url)
    assert ask(Question(["library"], python="3.11"), index=index.url)[0].version == "1.0"


class TestWriteLock:
    @pytest.fixture
    def locks(self, tmp_path: Path) -> Path:
        (tmp_path / "locks").mkdir()
        return tmp_path / "locks"

    def test_a_lock_names_no_place(self, index: FolderIndex, tmp_path: Path, locks: Path) -> None:
        index.add("app", requires=["library"])
        make_wheel(tmp_path / "links", "library")
        sources = _sources(index=index.url, find_links=(str(tmp_path / "links"),))
        assert len(write_lock(Plan("x", ["app"], "3.11"), locks, sources, uv=UV).pins) == 2
        text = (locks / "x.txt").read_text(encoding="utf-8")
        assert "/" not in text
        assert "://" not in text
        assert [pin.name for pin in parse(text)] == ["app", "library"]

    def test_two_locks_of_the_same_are_the_same(self, index: FolderIndex, locks: Path) -> None:
        index.add("app", requires=["zeta", "alpha"])
        index.add("zeta")
        index.add("alpha")
        texts = []
        for _ in range(2):
            write_lock(Plan("x", ["zeta", "app"], None), locks, _sources(index=index.url), uv=UV)
            texts.append((locks / "x.txt").read_bytes())
        assert texts[0] == texts[1]

    def test_a_resolve_that_fails_leaves_the_old_lock(self, index: FolderIndex, locks: Path) -> None:
        (locks / "x.txt").write_text("old", encoding="utf-8")
        with pytest.raises(SourceError, match="x cannot be locked: "):
            write_lock(Plan("x", ["absent"], "3.11"), locks, _sources(index=index.url), uv=UV)
        assert (locks / "x.txt").read_text(encoding="utf-8") == "old"
        assert [path.name for path in locks.iterdir()] == ["x.txt"]

    def test_a_lock_on_top_of_another_holds_what_that_lacks(self, index: FolderIndex, locks: Path) -> None:
        index.add("library", "1.0")
        write_lock(Plan("below", ["library"], "3.11"), locks, _sources(index=index.url), uv=UV)
        index.add("library", "2.0")
        index.add("app", requires=["library"])
        plan = Plan("above", ["app"], "3.11", on_top_of="below")
        write_lock(plan, locks, _sources(index=index.url), uv=UV)
        assert [str(pin) for pin in read(locks / "above.txt")] == ["app==1.0"]
        index.add("needs-two", requires=["library>=2"])
        with pytest.raises(SourceError):
            write_lock(
                Plan("above", ["needs-two"], "3.11", on_top_of="below"),
                locks,
                _sources(index=index.url),
                uv=UV,
            )

    def test_a_lock_that_agrees_with_another_takes_its_versions(
        self, index: FolderIndex, locks: Path
    ) -> None:
        index.add("library", "1.0")
        write_lock(Plan("first", ["library"], "3.11"), locks, _sources(index=index.url), uv=UV)
        index.add("library", "2.0")
        plan = Plan("second", ["library"], None, agrees_with=["first"])
        write_lock(plan, locks, _sources(index=index.url), uv=UV)
        assert read(locks / "second.txt")[0].version == "1.0"

    def test_data_wheels_come_without_the_programs_they_name(self, index: FolderIndex, locks: Path) -> None:
        index.add("model", requires=["program"])
        index.add_source("program")
        plan = Plan("models", ["model"], "3.11", dependencies=False)
        assert len(write_lock(plan, locks, _sources(index=index.url), uv=UV).pins) == 1

    def test_a_lock_below_that_is_broken_is_named(self, index: FolderIndex, locks: Path) -> None:
        (locks / "below.txt").write_text("library\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"below\.txt:1"):
            write_lock(Plan("x", ["app"], "3.11", on_top_of="below"), locks, _sources(index=index.url), uv=UV)


def test_errors_of_the_resolver_are_shown_as_one_line(index: FolderIndex, ask: Ask) -> None:
    with pytest.raises(GfxpackError) as error:
        ask(Question(["absent"], python="3.11"), index=index.url)
    assert "\n" not in error.value.message
