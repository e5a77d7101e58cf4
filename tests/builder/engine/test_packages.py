"""What would be installed, from what apt of real systems said."""

import pytest

from builder.engine.packages import ENGINE_PIN, ENGINE_SOURCE, objection, parse_policy, plan, upstream_version
from builder.errors import EngineError
from builder.sources.apt import AptConfiguration, AptSource
from tests.builder.engine.recordings import apt

ENGINE = ("docker.io", "docker-cli", "docker-buildx", "docker-compose")


def system(codename: str, *suites: str, uri: str = "http://mirror.example/debian") -> AptConfiguration:
    options = {"signed-by": "/usr/share/keyrings/debian-archive-keyring.gpg"}
    return AptConfiguration(tuple(AptSource(uri, suite, ("main",), options) for suite in suites), codename)


BOOKWORM = system("bookworm", "bookworm", "bookworm-updates", "bookworm-security")


def test_bookworm_takes_forky_first_and_trixie_next() -> None:
    attempts = plan("debian", BOOKWORM, parse_policy(apt("policy-bookworm.txt")))
    assert [attempt.arguments for attempt in attempts] == [
        (*(f"{package}/forky" for package in ENGINE), "mmdebstrap"),
        (*(f"{package}/trixie" for package in ENGINE), "mmdebstrap"),
    ]


def test_the_newer_suite_comes_from_the_mirror_in_use_and_moves_nothing_else() -> None:
    forky = plan("debian", BOOKWORM, parse_policy(apt("policy-bookworm.txt")))[0]
    assert forky.files[ENGINE_SOURCE] == (
        "Types: deb\n"
        "URIs: http://mirror.example/debian\n"
        "Suites: forky\n"
        "Components: main\n"
        "Check-Valid-Until: no\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    assert forky.files[ENGINE_PIN] == "Package: *\nPin: release n=forky\nPin-Priority: 50\n"


def test_a_pinned_newer_suite_that_is_there_already_changes_nothing_of_the_plan() -> None:
    fresh = plan("debian", BOOKWORM, parse_policy(apt("policy-bookworm.txt")))
    again = plan("debian", BOOKWORM, parse_policy(apt("policy-bookworm-forky.txt")))
    assert again == fresh


def test_trixie_takes_its_own_suite() -> None:
    (attempt,) = plan("debian", system("trixie", "trixie"), parse_policy(apt("policy-trixie.txt")))
    assert attempt.arguments == (*ENGINE, "mmdebstrap")
    assert not attempt.files


def test_ubuntu_names_compose_its_own_way_and_has_no_package_for_the_command_line() -> None:
    (attempt,) = plan("ubuntu", system("noble", "noble"), parse_policy(apt("policy-noble.txt")))
    assert attempt.arguments == ("docker.io", "docker-buildx", "docker-compose-v2", "mmdebstrap")
    assert not attempt.files


def test_an_ubuntu_without_universe_is_told_what_it_needs() -> None:
    with pytest.raises(EngineError, match="ubuntu noble hold no new enough") as caught:
        plan("ubuntu", system("noble", "noble"), {})
    assert caught.value.hint is not None
    assert "docker.io 25" in caught.value.hint
    assert "docker-compose-v2 2.21" in caught.value.hint


def test_a_debian_without_a_mirror_of_its_own_cannot_take_a_newer_suite() -> None:
    with pytest.raises(EngineError, match="no new enough"):
        plan("debian", system("bookworm"), parse_policy(apt("policy-bookworm.txt")))


def test_a_suite_is_not_taken_from_itself() -> None:
    attempts = plan("debian", system("forky", "forky"), {"docker.io": "20.10"})
    assert [attempt.origin for attempt in attempts] == ["the suite trixie"]


@pytest.mark.parametrize("package", ["docker.io", "docker-compose-v2"])
def test_an_ubuntu_that_was_not_updated_is_too_old(package: str) -> None:
    old = {"docker.io": "24.0.7-0ubuntu4", "docker-compose-v2": "2.20.2+ds1-0ubuntu1"}
    policy = parse_policy(apt("policy-noble.txt")) | {package: old[package]}
    with pytest.raises(EngineError, match="no new enough"):
        plan("ubuntu", system("noble", "noble"), policy)


@pytest.mark.parametrize("distribution", ["fedora", ""])
def test_other_systems_are_told_to_install_by_hand(distribution: str) -> None:
    with pytest.raises(EngineError, match="not Debian or Ubuntu"):
        plan(distribution, BOOKWORM, {})


@pytest.mark.parametrize(
    ("name", "suite"),
    [("bookworm-forky", "/forky"), ("bookworm-trixie", "/trixie"), ("trixie", ""), ("noble", "")],
)
def test_a_plan_that_only_adds_is_accepted(name: str, suite: str) -> None:
    assert objection(apt(f"simulation-{name}.txt"), [package + suite for package in ENGINE]) is None


def test_a_plan_that_replaces_the_c_library_is_refused() -> None:
    reason = objection(apt("simulation-replaces-libc.txt"), [f"{package}/forky" for package in ENGINE])
    assert reason is not None
    assert "replace libc6 2.36-9+deb12u14" in reason


def test_a_system_that_is_behind_may_be_updated_from_its_own_suites() -> None:
    own = apt("simulation-noble-behind.txt")
    assert "Inst perl-base [5.38.2-3.2build2]" in own
    assert objection(own, ["docker.io", "docker-buildx", "docker-compose-v2", "mmdebstrap"]) is None


def test_an_update_that_a_newer_suite_s_package_needs_may_come_from_the_own_suites() -> None:
    text = (
        "Inst libsystemd0 [252.36-1] (252.39-1 Debian:12.15/oldstable [amd64]) []\n"
        "Inst docker.io (28.5.2 Debian:testing [amd64])\n"
    )
    assert objection(text, ["docker.io/forky"]) is None
    assert objection(text.replace("Debian:12.15/oldstable", "Debian:testing"), ["docker.io/forky"])


def test_a_plan_that_removes_a_package_is_refused() -> None:
    assert objection(apt("simulation-removes.txt"), ENGINE) == "it would remove netbase"


def test_the_engine_s_own_packages_may_be_replaced() -> None:
    text = "Inst docker.io [20.10.24] (28.5.2 Debian:testing [amd64])\nRemv docker-cli [1] \n"
    assert objection(text, [f"{package}/forky" for package in ENGINE]) is None


def test_what_apt_cannot_offer_is_left_out_of_the_policy() -> None:
    policy = parse_policy(apt("policy-noble.txt"))
    assert "docker-cli" not in policy
    assert policy["docker.io"].startswith("29.1.3")
    assert parse_policy("") == {}


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("28.5.2+dfsg4-5", (28, 5, 2)), ("1:0.7.0+dfsg-2", (0, 7, 0)), ("2.40.3-3", (2, 40, 3)), ("", ())],
)
def test_numbers_of_a_package_s_version(version: str, numbers: tuple[int, ...]) -> None:
    assert upstream_version(version) == numbers
