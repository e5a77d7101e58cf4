"""The build verb against a real engine: nothing is done twice, and only what passes gets its name."""

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import paths, pipeline
from builder.bundle import render_target
from builder.console import Console
from builder.engine import Engine, buildx
from builder.errors import SourceError, UsageError, VerifyError
from builder.models import ModelsVolume
from builder.pipeline import BuildOptions, build_target
from builder.render import StackOptions
from builder.targets import Catalog, Choice, load_catalog
from builder.targets.naming import image_tag

ONLY_PROXY = BuildOptions(images=("proxy",), assume_yes=True)


@pytest.fixture(scope="module")
def proxy_tag() -> str:
    return image_tag("proxy", load_catalog(paths.TARGETS).images["proxy"], None)


@pytest.fixture
def built(console: Console) -> None:
    """The proxy's image is there: it is the smallest."""
    build_target(Choice("cpu"), StackOptions(), ONLY_PROXY, console)


def names(engine: Engine) -> set[str]:
    return {tag for image in engine.sdk.images.list() for tag in image.tags}


def test_an_unknown_image_is_refused_before_any_work(console: Console) -> None:
    with pytest.raises(UsageError, match="there is no image llama") as caught:
        build_target(Choice("cpu"), StackOptions(), BuildOptions(images=("llama",)), console)
    assert caught.value.hint == "images of cpu: vllm, proxy, embeddings, llamacpp"


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_a_build_without_change_does_nothing_and_says_so(
    engine: Engine, console: Console, screen: io.StringIO, proxy_tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.image(proxy_tag)
    screen.truncate(0)

    def must_not_run(*_: object, **__: object) -> None:
        raise AssertionError("nothing was to be built")

    monkeypatch.setattr(buildx, "build", must_not_run)
    build_target(Choice("cpu"), StackOptions(), ONLY_PROXY, console)
    assert re.search(rf"{proxy_tag} is up to date \(inputs [0-9a-f]{{12}}\)", screen.getvalue())
    assert engine.image(proxy_tag) == before


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_an_image_that_is_replaced_leaves_nothing_behind(
    engine: Engine, console: Console, proxy_tag: str
) -> None:
    """The first build here makes an image that no stack of somebody uses, the second replaces it."""
    anew = BuildOptions(images=("proxy",), force=True, no_cache=True)
    build_target(Choice("cpu"), StackOptions(), anew, console)
    before = engine.image(proxy_tag)
    assert before is not None
    build_target(Choice("cpu"), StackOptions(), anew, console)
    after = engine.image(proxy_tag)
    assert after is not None
    assert after.id != before.id
    assert engine.image(before.id) is None


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_an_image_over_its_budget_never_gets_the_name(
    engine: Engine, console: Console, proxy_tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.image(proxy_tag)
    assert before is not None

    def tight(path: Path) -> Catalog:
        catalog = load_catalog(path)
        spec = catalog.images["proxy"]
        budget = spec.budget.model_copy(update={"total_mb": 1})
        images = {**catalog.images, "proxy": spec.model_copy(update={"budget": budget})}
        return catalog.model_copy(update={"images": images})

    monkeypatch.setattr(pipeline, "load_catalog", tight)
    with pytest.raises(VerifyError, match=r"weighs 1\d\d\.\d MB, its budget is 1\.0 MB"):
        build_target(Choice("cpu"), StackOptions(), BuildOptions(images=("proxy",), force=True), console)
    after = engine.image(proxy_tag)
    assert after is not None
    assert after.id == before.id
    assert not [name for name in names(engine) if "unverified" in name]


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_an_index_that_does_not_answer_is_one_line_before_any_build(
    engine: Engine, console: Console, proxy_tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = engine.image(proxy_tag)
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:canary@127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SourceError) as caught:
        build_target(Choice("cpu"), StackOptions(), BuildOptions(images=("proxy",), force=True), console)
    assert "127.0.0.1:9" in caught.value.message
    assert "canary" not in f"{caught.value.message}{caught.value.hint}{caught.value.evidence}"
    assert engine.image(proxy_tag) == before


@pytest.mark.engine
@pytest.mark.parametrize("image", ["vllm", "proxy", "embeddings", "models"])
def test_buildkits_own_linter_finds_nothing(
    image: str, engine: Engine, console: Console, tmp_path: Path
) -> None:
    """What an image stands on must be here: the linter looks it up, and so the models' needs the engine's."""
    build_target(Choice("cpu"), StackOptions(), BuildOptions(assume_yes=True), console)
    assert engine.can_lint, f"buildx {engine.versions.buildx} cannot lint; 0.15 or newer is needed"
    bundle = render_target(Choice("cpu"), StackOptions())
    for path, content in bundle.image(image).files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert buildx.check(tmp_path) == []


@pytest.fixture
def volume(engine: Engine, proxy_tag: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelsVolume]:
    monkeypatch.setattr(ModelsVolume, "name", "gfxpack-test-models")
    yield ModelsVolume(engine, helper_image=proxy_tag)
    engine.remove_volume(ModelsVolume.name)


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "models.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.engine
@pytest.mark.usefixtures("built")
def test_a_volume_counts_as_filled_only_when_it_was_to_the_end(volume: ModelsVolume, tmp_path: Path) -> None:
    assert not volume.holds("a" * 64)
    volume.fill(archive(tmp_path, {"one/config.json": b"{}"}), "a" * 64)
    assert volume.holds("a" * 64)
    assert not volume.holds("b" * 64)

    broken = archive(tmp_path, {"one/config.json": b"{}", "two/weights": b"x" * 100_000})
    broken.write_bytes(broken.read_bytes()[:50_000])
    with pytest.raises(Exception, match="volume"):
        volume.fill(broken, "b" * 64)
    assert not volume.holds("a" * 64)
    assert not volume.holds("b" * 64)
