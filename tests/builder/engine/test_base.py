"""Base images: when one is good enough, and what a real one holds."""

import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.console import Console
from builder.engine import Engine, ImageFacts, base, buildx
from builder.errors import SourceError
from builder.sources import Sources
from builder.sources.apt import AptConfiguration, AptSource
from builder.sources.apt_access import Login
from builder.targets.images import BaseSpec
from builder.targets.naming import base_key, base_tag
from tests.fakes.index import FakeIndex, closed_port
from tests.fakes.registry import registry

DIGEST = "sha256:" + "1" * 64
BUDGET = 111_000_000
WHOLE_PYTHON = """
import bz2, ctypes, json, lzma, sqlite3, ssl, zlib
print(ssl.create_default_context().cert_store_stats()["x509_ca"] > 100)
"""


def image(spec: BaseSpec, *, origin: str = base.BOOTSTRAPPED, **labels: str) -> ImageFacts:
    """The facts of an image with a base's labels."""
    return ImageFacts("sha256:1", (base_tag(spec),), base.labels(spec, origin, "a=1") | labels, 0, (), ())


def test_a_base_of_the_same_key_is_good(bookworm: BaseSpec) -> None:
    assert base.is_current(image(bookworm), bookworm, None)


def test_a_base_of_another_key_is_not(bookworm: BaseSpec) -> None:
    other = bookworm.model_copy(update={"packages": [*bookworm.packages, "hello"]})
    assert not base.is_current(image(other), bookworm, None)


def test_a_base_that_was_made_in_another_way_is_not(bookworm: BaseSpec) -> None:
    assert not base.is_current(image(bookworm, **{base.RECIPE_LABEL: "old"}), bookworm, None)


def test_an_image_without_labels_is_not(bookworm: BaseSpec) -> None:
    assert not base.is_current(replace(image(bookworm), labels={}), bookworm, None)


@pytest.mark.parametrize(
    ("origin", "locked", "good"),
    [
        (base.BOOTSTRAPPED, DIGEST, True),
        (DIGEST, DIGEST, True),
        (DIGEST, None, True),
        (DIGEST, "sha256:" + "2" * 64, False),
    ],
)
def test_the_lock_s_digest_counts_where_a_registry_was_asked(
    origin: str, locked: str | None, good: bool, bookworm: BaseSpec
) -> None:
    assert base.is_current(image(bookworm, origin=origin), bookworm, locked) is good


def test_packages_that_are_installed_are_listed_with_their_versions() -> None:
    status = (
        "Package: b\nStatus: install ok installed\nVersion: 1:2.0-1\nDescription: x\n more\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n"
    )
    assert base.installed_packages(status) == "a=1.0 b=1:2.0-1"


UBUNTU = AptSource("http://u.example/ubuntu", "noble", ("main",))


def test_a_base_s_label_tells_a_second_checkout_its_mirrors(bookworm: BaseSpec, tmp_path: Path) -> None:
    mirrors = [
        AptSource("http://m.example/d", "bookworm", ("main",), {"signed-by": "/usr/share/keyrings/d.gpg"}),
        AptSource("http://s.example/d", "bookworm-security", ("main", "contrib")),
    ]
    facts = replace(image(bookworm), labels=base.labels(bookworm, DIGEST, "a=1", mirrors))
    fresh = AptConfiguration((UBUNTU,), "noble", origins=tmp_path / "origins")
    base.remember_mirrors(facts, bookworm, fresh)
    assert [source.line for source in fresh.for_builds("bookworm")] == [
        "deb http://m.example/d bookworm main",
        "deb http://s.example/d bookworm-security main contrib",
    ]


def test_a_machine_with_its_own_mirror_remembers_nothing(bookworm: BaseSpec, tmp_path: Path) -> None:
    own = AptConfiguration((AptSource("http://own.example/d", "bookworm", ("main",)),), "bookworm", tmp_path)
    facts = replace(image(bookworm), labels=base.labels(bookworm, DIGEST, "a=1", [UBUNTU]))
    base.remember_mirrors(facts, bookworm, own)
    base.remember_mirrors(image(bookworm), bookworm, replace(own, sources=()))
    assert list(tmp_path.iterdir()) == []


def test_what_packages_may_not_bring_is_said_to_dpkg_and_licences_stay(bookworm: BaseSpec) -> None:
    lines = base.dpkg_config(bookworm).splitlines()
    assert lines[:-1] == [f"path-exclude={path}" for path in bookworm.exclude]
    assert lines[-1] == "path-include=/usr/share/doc/*/copyright"


@pytest.fixture
def variant(engine: Engine, bookworm: BaseSpec) -> Iterator[BaseSpec]:
    """A base of its own, so that the one in use is left alone."""
    spec = bookworm.model_copy(update={"exclude": [*bookworm.exclude, "/usr/share/lintian/*"]})
    yield spec
    engine.remove_image(base_tag(spec))


def members(engine: Engine, image_id: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry of every layer."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(engine.export(image_id)))) as outer:
        for entry in outer.getmembers():
            file = outer.extractfile(entry)
            data = file.read() if file else b""
            if data[257:262] != b"ustar":
                continue
            with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                for member in layer:
                    content = layer.extractfile(member) if member.isfile() else None
                    yield member, content.read() if content else b""


@pytest.mark.engine
class TestWithTheEngine:
    def test_a_base_that_is_here_asks_no_mirror(
        self,
        engine: Engine,
        bookworm: BaseSpec,
        base_image: ImageFacts,
        console: Console,
        screen: io.StringIO,
    ) -> None:
        nothing = Sources(Sources.load().pip, AptConfiguration())
        assert base.ensure(engine, bookworm, sources=nothing, console=console).id == base_image.id
        assert screen.getvalue() == ""

    def test_the_base_is_small_and_its_python_whole(self, engine: Engine, base_image: ImageFacts) -> None:
        assert base_image.size < BUDGET
        assert "python3.11=" in base_image.labels[base.PACKAGES_LABEL]
        assert engine.run(base_image.id, ["python3", "-c", WHOLE_PYTHON]).stdout == "True\n"

    def test_the_base_holds_nothing_of_where_it_was_made(
        self, engine: Engine, base_image: ImageFacts, sources: Sources
    ) -> None:
        hosts = {re.sub(r"^\w+://([^/]+)/.*", r"\1", source.uri) for source in sources.apt.sources}
        for member, content in members(engine, base_image.id):
            name = member.name.removeprefix("./")
            assert not member.isdev(), f"{name} is a device"
            assert not member.mode & 0o6000, f"{name} is setuid or setgid"
            if name.startswith(("var/log/", "etc/apt/sources.list", "var/lib/apt/lists/", "var/cache/apt/")):
                assert not content, f"{name} is not empty"
            assert name not in ("etc/machine-id", "etc/hostname", "etc/resolv.conf")
            if name.startswith(("etc/", "var/")):
                assert not [host for host in hosts if host.encode() in content], f"{name} names a mirror"

    def test_two_bootstraps_are_the_same_to_the_byte(
        self, engine: Engine, variant: BaseSpec, sources: Sources, console: Console
    ) -> None:
        """The first is made because the registry of its locked digest is gone, the second by `--refresh`."""
        with closed_port() as url:
            address = url.removeprefix("http://").removesuffix("/simple")
            gone = variant.model_copy(update={"image": f"{address}/debian:bookworm-slim"})
            first = base.ensure(engine, gone, sources=sources, console=console, digest=DIGEST)
        second = base.ensure(engine, variant, sources=sources, console=console, refresh=True)
        assert first.labels[base.DIGEST_LABEL] == base.BOOTSTRAPPED
        assert first.diff_ids == second.diff_ids
        assert first.labels == second.labels
        assert engine.image(first.id) is None or first.id == second.id

    def test_a_base_comes_from_a_registry_by_digest(
        self,
        *,
        engine: Engine,
        bookworm: BaseSpec,
        base_image: ImageFacts,
        sources: Sources,
        console: Console,
        tmp_path: Path,
    ) -> None:
        with registry(tmp_path) as address:
            reference = f"{address}/debian:bookworm-slim"
            engine.tag(base_image.id, reference)
            engine.sdk.images.push(reference)
            digest = base.resolve_digest(reference)
            assert digest is not None
            engine.remove_image(reference)
            spec = bookworm.model_copy(update={"image": reference, "packages": [*bookworm.packages, "hello"]})
            try:
                made = base.ensure(engine, spec, sources=sources, console=console, digest=digest)
                listing = engine.run(
                    made.id, ["find", "/usr/share/doc/hello", "/usr/share/man", "/etc/dpkg/dpkg.cfg.d"]
                )
            finally:
                engine.remove_image(base_tag(spec))
        assert made.labels[base.DIGEST_LABEL] == digest
        assert made.labels[base.KEY_LABEL] == base_key(spec)
        assert " hello=" in made.labels[base.PACKAGES_LABEL]
        assert len(made.diff_ids) == 1
        assert "/usr/share/doc/hello/copyright" in listing.stdout
        assert "/etc/dpkg/dpkg.cfg.d/gfxpack" in listing.stdout
        assert "hello.1" not in listing.stdout

    def test_without_a_pin_or_a_mirror_the_registrys_base_of_today_is_taken(
        self,
        *,
        engine: Engine,
        variant: BaseSpec,
        base_image: ImageFacts,
        sources: Sources,
        tmp_path: Path,
    ) -> None:
        """As on Ubuntu: no apt source carries the suite, the base's image brings its own."""
        origin = tmp_path / "origin"
        origin.mkdir()
        lines = "".join(f"{source.line}\n" for source in sources.apt.for_builds(variant.suite))
        (origin / "sources.list").write_text(lines)
        (origin / "Dockerfile").write_text(
            f"FROM {base_image.tags[0]}\nCOPY sources.list /etc/apt/sources.list\n"
        )
        screen = io.StringIO()
        console = Console(screen, live=False, colour=False)
        with registry(tmp_path) as address:
            reference = f"{address}/debian:bookworm-slim"
            buildx.build(origin, reference, console=console)
            engine.sdk.images.push(reference)
            today = base.resolve_digest(reference)
            engine.remove_image(reference)
            spec = variant.model_copy(update={"image": reference})
            elsewhere = replace(sources, apt=AptConfiguration((), "noble", origins=tmp_path / "origins"))
            second = replace(elsewhere, apt=replace(elsewhere.apt, origins=tmp_path / "second"))
            try:
                made = base.ensure(engine, spec, sources=elsewhere, console=console)
                again = base.ensure(engine, spec, sources=second, console=console)
            finally:
                engine.remove_image(base_tag(spec))
        assert made.labels[base.DIGEST_LABEL] == today
        assert again.id == made.id
        assert second.apt.for_builds(spec.suite) == elsewhere.apt.for_builds(spec.suite)
        assert f"taking {today}, which the registry has today" in screen.getvalue()

    def test_a_suite_that_no_source_carries_is_one_line(
        self, engine: Engine, variant: BaseSpec, sources: Sources, console: Console
    ) -> None:
        ubuntu = AptConfiguration((AptSource("http://u.example/ubuntu", "noble", ("main",)),), "noble")
        with pytest.raises(SourceError, match=r"carries the suite bookworm \(configured: noble\)"):
            base.ensure(engine, variant, sources=replace(sources, apt=ubuntu), console=console)
        assert engine.image(base_tag(variant)) is None

    def test_a_bootstrap_goes_through_apt_s_own_proxy(
        self,
        *,
        engine: Engine,
        variant: BaseSpec,
        sources: Sources,
        console: Console,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The mirror's name means something to the proxy alone; the environment's own proxy is not asked."""
        mirror = AptSource("http://mirror.invalid/debian", "bookworm", ("main",), {"trusted": "yes"})
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        with FakeIndex(tmp_path) as proxy:
            address = proxy.url.removesuffix("/simple")
            behind = AptConfiguration((mirror,), "bookworm", proxies={"http_proxy": address})
            with pytest.raises(SourceError, match="could not be bootstrapped"):
                base.ensure(engine, variant, sources=replace(sources, apt=behind), console=console)
        assert "http://mirror.invalid/debian/dists/bookworm/InRelease" in proxy.requests

    def test_a_bootstrap_logs_in_as_auth_conf_says(
        self, engine: Engine, variant: BaseSpec, sources: Sources, console: Console, tmp_path: Path
    ) -> None:
        with FakeIndex(tmp_path, password="p@ss/w") as index:
            address = index.url.removesuffix("/simple")
            mirror = AptSource(f"{address}/debian", "bookworm", ("main",), {"trusted": "yes"})
            logins = (Login(address, "me", "p@ss/w"),)
            known = AptConfiguration((mirror,), "bookworm", logins=logins)
            with pytest.raises(SourceError, match="could not be bootstrapped") as caught:
                base.ensure(engine, variant, sources=replace(sources, apt=known), console=console)
        said = "\n".join([caught.value.message, *caught.value.evidence])
        assert "404" in said
        assert "401" not in said
        assert "p@ss" not in said
        assert "p%40ss" not in said

    def test_a_mirror_that_is_not_there_is_one_line_with_a_hint(
        self, engine: Engine, variant: BaseSpec, sources: Sources, console: Console
    ) -> None:
        with closed_port() as url:
            mirror = AptSource(url, "bookworm", ("main",), {"trusted": "yes"})
            gone = replace(sources, apt=AptConfiguration((mirror,), "bookworm"))
            with pytest.raises(SourceError, match="the base bookworm could not be bootstrapped") as caught:
                base.ensure(engine, variant, sources=gone, console=console)
        assert caught.value.hint
        assert "\n" not in caught.value.message
        assert engine.image(base_tag(variant)) is None
