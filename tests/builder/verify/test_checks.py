"""Each check of an image: quiet about a good one, and one sentence about what is wrong with a bad one."""

import dataclasses
from typing import Any

import pytest

from builder import paths
from builder.engine import ImageFacts
from builder.requirements import Requirement
from builder.targets import load_catalog
from builder.targets.kinds import Budget
from builder.verify.checks import CHECKS, Subject
from builder.verify.facts import ProbeFacts

LABELS = {"gfxpack.image": "proxy", "gfxpack.inputs": "a" * 64}
INSIDE = ProbeFacts(
    uid=10001,
    python="3.11.2",
    tools=[],
    distributions={"uvicorn": "0.54.0", "Typing_Extensions": "4.16.0"},
    packages={},
    groups={"/usr/lib": 1},
    privileged=[],
    caches=[],
    imports={"proxy": None},
)


def facts(megabytes: float, labels: dict[str, str]) -> ImageFacts:
    return ImageFacts("sha256:1", ("t",), labels, int(megabytes * 1e6), (), ())


@pytest.fixture
def good() -> Subject:
    spec = load_catalog(paths.TARGETS).images["proxy"]
    return Subject(
        spec=spec.model_copy(update={"budget": Budget(total_mb=175, added_mb=60)}),
        lock=[Requirement("uvicorn", "0.54.0"), Requirement("typing-extensions", "4.16.0")],
        labels=LABELS,
        image=facts(160, LABELS),
        base=facts(110, {}),
        inside=INSIDE,
    )


def problems(subject: Subject) -> list[str]:
    return [problem for check in CHECKS for problem in check(subject)]


def test_a_good_image_has_no_problem(good: Subject) -> None:
    assert problems(good) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"image": facts(176, LABELS), "base": facts(150, {})}, "weighs 176.0 MB, its budget is 175.0 MB"),
        ({"base": None}, "cannot be compared with its base, which is not here"),
        ({"image": facts(171, LABELS)}, "adds 61.0 MB to its base, its budget is 60.0 MB"),
        ({"image": facts(160, {**LABELS, "gfxpack.inputs": "b" * 64})}, "label gfxpack.inputs is 'bbb"),
        (
            {"image": facts(160, {"gfxpack.inputs": "a" * 64})},
            "label gfxpack.image is None, expected 'proxy'",
        ),
    ],
)
def test_what_the_engine_says_of_it(good: Subject, change: dict[str, Any], expected: str) -> None:
    [problem] = problems(dataclasses.replace(good, **change))
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"uid": 0}, "runs as root"),
        ({"privileged": ["/usr/bin/su"]}, "holds setuid or setgid files: /usr/bin/su"),
        ({"tools": ["/opt/venv/bin/pip"]}, "holds tools that its program does not need: /opt/venv/bin/pip"),
        ({"caches": ["/root/.cache/pip"]}, "holds package caches: /root/.cache/pip"),
        ({"imports": {"proxy": "ImportError: no"}}, "cannot import proxy: ImportError: no"),
        (
            {"distributions": {"uvicorn": "0.53.0", "typing-extensions": "4.16.0"}},
            "holds distributions that differ from the lock: uvicorn 0.53.0 instead of 0.54.0",
        ),
        (
            {"distributions": {"uvicorn": "0.54.0"}},
            "holds distributions that differ from the lock: typing-extensions absent instead of 4.16.0",
        ),
    ],
)
def test_what_it_says_of_itself(good: Subject, change: dict[str, Any], expected: str) -> None:
    [problem] = problems(dataclasses.replace(good, inside=dataclasses.replace(INSIDE, **change)))
    assert problem == expected


def test_what_targets_yaml_leaves_out_must_be_out(good: Subject) -> None:
    spec = load_catalog(paths.TARGETS).targets["cpu"].engine
    inside = dataclasses.replace(
        INSIDE, distributions={"uvicorn": "0.54.0", "Triton": "3.8.0", "typing-extensions": "4.16.0"}
    )
    [problem] = problems(dataclasses.replace(good, spec=spec, inside=inside))
    assert problem == "holds distributions that targets.yaml leaves out: triton"


def test_a_long_list_is_cut_and_says_so(good: Subject) -> None:
    inside = dataclasses.replace(INSIDE, privileged=[f"/bin/{n}" for n in range(12)])
    [problem] = problems(dataclasses.replace(good, inside=inside))
    assert problem.endswith("/bin/4 and 7 more")
