"""The locks of this repository: current, whole, and free of any place they were made in."""

import re
from pathlib import Path

import pytest

from builder.errors import UsageError
from builder.locking import BASES, Plan, bases_text, keep_known, plans, select
from builder.paths import LOCKS, TARGETS
from builder.requirements import normalise, read
from builder.targets import load_catalog
from builder.targets.digests import base_digest
from builder.upstream import part

CATALOG = load_catalog(TARGETS)
PLANS = {plan.name: plan for plan in plans(CATALOG, LOCKS)}
IMAGE_LOCKS = [CATALOG.targets["cpu"].engine.lock, *(spec.lock for spec in CATALOG.images.values())]

every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def _direct(plan: Plan) -> set[str]:
    return {normalise(re.split(r"[\[=<>!~; ]", requirement)[0]) for requirement in plan.requirements}


@every_plan
def test_lock_is_made_from_what_is_asked_for_now(plan: Plan) -> None:
    lines = (LOCKS / f"{plan.name}.txt").read_text(encoding="utf-8").splitlines()
    header = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    said = [line for line in header if not line.startswith("Without a hash")]
    assert said == plan.header, f"run `build.py lock --only {plan.name}`"


@every_plan
def test_lock_holds_what_is_asked_for(plan: Plan) -> None:
    locked = {pin.name for pin in read(LOCKS / f"{plan.name}.txt")}
    below = {pin.name for pin in read(LOCKS / f"{plan.on_top_of}.txt")} if plan.on_top_of else set()
    assert _direct(plan) <= locked | below
    assert not locked & below
    assert not locked & {normalise(name) for name in plan.without}


@every_plan
def test_only_what_comes_from_an_upstream_index_may_lack_a_hash(plan: Plan) -> None:
    elsewhere = {normalise(name) for names in plan.upstream.values() for name in names}
    assert {pin.name for pin in read(LOCKS / f"{plan.name}.txt") if not pin.hashes} <= elsewhere


@every_plan
def test_what_comes_from_an_upstream_index_is_asked_for_exactly(plan: Plan) -> None:
    pins = {str(pin) for pins in part(plan.requirements, plan.upstream).upstream.values() for pin in pins}
    assert pins <= {str(pin) for pin in read(LOCKS / f"{plan.name}.txt")}


def test_engines_that_share_a_lock_ask_the_same_of_it() -> None:
    asked: dict[str, list[object]] = {}
    for target in CATALOG.targets.values():
        spec = target.engine
        facts: list[object] = [spec.requirements, spec.overrides, list(spec.without), spec.base]
        assert asked.setdefault(spec.lock, facts) == facts


@every_plan
def test_lock_agrees_with_those_it_is_installed_with(plan: Plan) -> None:
    versions = {pin.name: pin.version for pin in read(LOCKS / f"{plan.name}.txt")}
    for other in plan.agrees_with:
        for pin in read(LOCKS / f"{other}.txt"):
            assert versions.get(pin.name, pin.version) == pin.version


@pytest.mark.parametrize("path", sorted(LOCKS.iterdir()), ids=lambda path: path.name)
def test_lock_names_no_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"://|file:|@ |^-|/\w+/|\.org\b|\.com\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", IMAGE_LOCKS)
def test_image_locks_are_for_one_python_and_have_few_hashes(name: str) -> None:
    pins = read(LOCKS / f"{name}.txt")
    assert not any(pin.marker for pin in pins)
    assert sum(len(pin.hashes) for pin in pins) < 1.5 * len(pins), "hashes of other platforms got in"


@pytest.mark.parametrize("name", ["vllm-cpu", "embeddings"])
def test_torch_is_the_build_for_cpus(name: str) -> None:
    pins = {pin.name: pin for pin in read(LOCKS / f"{name}.txt")}
    assert pins["torch"].version.endswith("+cpu")
    assert not {pin for pin in pins if pin.startswith("nvidia-") or pin == "triton"}


def test_driver_lock_covers_every_python_and_machine_it_promises() -> None:
    """A package with compiled code needs one wheel for each; one of pure Python has a single hash."""
    compiled = {"pydantic-core", "pyyaml", "markupsafe"}
    for pin in read(LOCKS / "driver.txt"):
        if pin.name in compiled:
            assert len(pin.hashes) >= 4 * 2, pin.name


def test_bases_are_known_and_bootstrapped_until_a_registry_answers() -> None:
    path = LOCKS / "bases.yaml"
    digests = {name: base_digest(path, name) for name in CATALOG.bases}
    assert path.read_text(encoding="utf-8") == bases_text(CATALOG, digests)


def test_a_registry_that_is_silent_takes_no_digest_away(tmp_path: Path) -> None:
    path = tmp_path / "bases.yaml"
    name = next(iter(CATALOG.bases))
    digest = f"sha256:{'1' * 64}"
    assert keep_known(path, {name: None}) == {name: None}
    path.write_text(bases_text(CATALOG, dict.fromkeys(CATALOG.bases, digest)), encoding="utf-8")
    assert keep_known(path, {name: None}) == {name: digest}
    assert keep_known(path, {name: "sha256:2"}) == {name: "sha256:2"}


def test_each_lock_comes_after_those_it_depends_on() -> None:
    seen: set[str] = set()
    for plan in PLANS.values():
        assert {*plan.agrees_with, *([plan.on_top_of] if plan.on_top_of else [])} <= seen
        seen.add(plan.name)


class TestSelect:
    def test_all_by_default(self) -> None:
        assert select(list(PLANS), CATALOG, only=None, target=None) == {*PLANS, BASES}

    def test_one_by_name(self) -> None:
        assert select(list(PLANS), CATALOG, only="driver", target=None) == {"driver"}

    def test_what_goes_into_a_stack(self) -> None:
        chosen = select(list(PLANS), CATALOG, only=None, target="cpu")
        assert chosen == {"vllm-cpu", "proxy", "embeddings", "llamacpp", "models", BASES}

    def test_one_and_several_is_neither(self) -> None:
        with pytest.raises(UsageError, match="--only names one lock, and --target several"):
            select(list(PLANS), CATALOG, only="driver", target="cpu")

    @pytest.mark.parametrize(("only", "target"), [("drivers", None), (None, "cpx")])
    def test_an_unknown_name_gets_the_nearest(self, only: str | None, target: str | None) -> None:
        with pytest.raises(UsageError) as error:
            select(list(PLANS), CATALOG, only=only, target=target)
        assert "did you mean" in (error.value.hint or "")
