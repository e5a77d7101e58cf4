"""Whether the server starts, on the target's chip, and takes the target's arguments and variables."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from checks import device
from checks.child import Trouble, probe, run
from checks.subject import Fault, Finding, Subject

_PLATFORMS = {"nvidia": "cuda", "amd": "rocm", "none": "cpu"}
_USAGE = "usage: vllm serve"
_BROKEN = "start it by hand in the image for the whole output: a package that it imports is missing or broken"
_DATA = "correct the target's entry in targets.yaml; `vllm serve --help=all` lists what there is"


def starts(subject: Subject) -> Finding:
    program = str(subject.venv / "bin/vllm")
    try:
        said = run(subject, [program, "serve", "--help"], device.environment(subject))
    except Trouble as trouble:
        return Finding([Fault(f"`vllm serve --help` does not start: {trouble}", _BROKEN)])
    if _USAGE not in said:
        return Finding([Fault("`vllm serve --help` says nothing of how it is used", _BROKEN)])
    return Finding(found={"command": "vllm serve --help"})


def platform(subject: Subject) -> Finding:
    try:
        answer = _asked(subject)
    except Trouble as trouble:
        return Finding([_silent(trouble)])
    expect = subject.expect
    there = {"platform": answer["platform"], "chip": answer["chip"], "triton": answer["triton"]}
    faults = []
    if _PLATFORMS[expect.vendor] not in answer["platform"].lower():
        faults.append(
            Fault(
                f"vLLM takes the platform {answer['platform']}, not {_PLATFORMS[expect.vendor]}",
                "another build of vLLM is installed, or pynvml or amdsmi, by which it finds GPUs, is missing",
            )
        )
    elif expect.archs and answer["chip"] != device.reported(expect):
        faults.append(
            Fault(f"vLLM takes the GPU for {answer['chip'] or 'nothing'}, not {expect.archs[0]}", _BROKEN)
        )
    if expect.archs and not answer["triton"]:
        faults.append(
            Fault(
                "vLLM goes without Triton",
                "Triton sees no driver or cannot be imported: attention would not run",
            )
        )
    return Finding(faults, there)


def arguments(subject: Subject) -> Finding:
    try:
        wrong = _asked(subject)["rejected"]
    except Trouble as trouble:
        return Finding([_silent(trouble)])
    faults = [Fault(f"vLLM does not take {arg}: {said}", _DATA) for arg, said in wrong.items()]
    return Finding(faults, {"args": list(subject.expect.args)})


def variables(subject: Subject) -> Finding:
    try:
        wrong = _asked(subject)["unknown"]
    except Trouble as trouble:
        return Finding([_silent(trouble)])
    env = subject.expect.env
    faults = [Fault(f"vLLM does not take {name}={env[name]}: {said}", _DATA) for name, said in wrong.items()]
    return Finding(faults, {"names": sorted(name for name in env if name.startswith("VLLM_"))})


def _silent(trouble: Trouble) -> Fault:
    return Fault(f"vLLM cannot be asked: {trouble}", _BROKEN)


@cache
def _asked(subject: Subject) -> Mapping[str, Any]:
    asked = {"args": list(subject.expect.args), "env": dict(subject.expect.env)}
    answer: Mapping[str, Any] = probe(subject, "engine", [json.dumps(asked)], device.environment(subject))
    return answer
