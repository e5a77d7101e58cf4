"""What must hold of the AMD targets, whoever edits their data."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from builder import paths
from builder.errors import ConfigError
from builder.requirements import normalise, read
from builder.targets import Target, load_catalog

CATALOG = load_catalog(paths.TARGETS)
AMD = {name: target for name, target in CATALOG.targets.items() if target.vendor == "amd"}
CHIPS = {arch for target in AMD.values() for arch in target.archs}

GONE_VARIABLES = {
    "VLLM_USE_TRITON_FLASH_ATTN",
    "VLLM_ATTENTION_BACKEND",
    "VLLM_USE_V1",
    "VLLM_ROCM_CUSTOM_PAGED_ATTN",
    "VLLM_V1_USE_PREFILL_DECODE_ATTENTION",
    "VLLM_ROCM_USE_AITER_PAGED_ATTN",
    "VLLM_USE_AITER_UNIFIED_ATTENTION",
    "VLLM_SLEEP_WHEN_IDLE",
    "VLLM_CPU_SGL_KERNEL",
}
"""vLLM 0.33 knows none of them."""

GONE_FLAGS = {
    "swap-space",
    "disable-log-requests",
    "device",
    "task",
    "guided-decoding-backend",
    "enable-reasoning",
    "max-seq-len-to-capture",
    "cuda-graph-sizes",
    "num-scheduler-steps",
    "multi-step-stream-outputs",
    "num-lookahead-slots",
    "use-v2-block-manager",
    "max-num-partial-prefills",
    "rope-scaling",
    "rope-theta",
    "calculate-kv-scales",
    "disable-mm-preprocessor-cache",
    "disable-async-output-proc",
    "disable-frontend-multiprocessing",
    "prompt-adapters",
    "uvicorn-log-level",
    "model",
}

every_target = pytest.mark.parametrize("target", CATALOG.targets.values(), ids=CATALOG.targets)
every_amd_target = pytest.mark.parametrize("target", AMD.values(), ids=AMD)


def device_pins(target: Target) -> list[str]:
    assert target.engine.device is not None
    return target.engine.device.requirements


def extra_variables(target: Target) -> set[str]:
    return {name for extra in target.engine.extras.values() for name in extra.env}


def test_the_chips_that_upstream_compiles_for_are_all_there() -> None:
    upstreams = {
        "gfx90a",
        "gfx942",
        "gfx950",
        "gfx1100",
        "gfx1101",
        "gfx1200",
        "gfx1201",
        "gfx1150",
        "gfx1151",
    }
    assert {*AMD} == {*upstreams, "gfx906", "gfx1100-gfx1201"}


@every_target
def test_no_variable_or_flag_that_vllm_no_longer_knows(target: Target) -> None:
    assert not GONE_VARIABLES & {*target.engine.env, *extra_variables(target)}
    assert not GONE_FLAGS & {*target.engine.args, *target.stack.pooling.args, *target.stack.pooling.beside}


@every_target
def test_no_chip_is_passed_off_as_another(target: Target) -> None:
    assert "HSA_OVERRIDE_GFX_VERSION" not in {*target.engine.env, *extra_variables(target)}


@every_target
def test_an_attention_backend_is_forced_only_where_what_it_cannot_serve_is_told(target: Target) -> None:
    told = any("--attention-backend" in gap.text for gap in target.gaps)
    assert told is ("attention-backend" in target.engine.args)


@every_target
def test_every_gap_is_told_with_where_upstream_talks_about_it(target: Target) -> None:
    assert all(gap.link.startswith("https://") and gap.text for gap in target.gaps)


@every_target
def test_what_is_left_out_has_a_reason(target: Target) -> None:
    assert all(target.engine.without.values())
    assert all(target.pruning.delete.values())


@every_amd_target
def test_device_wheels_are_the_chips_own(target: Target) -> None:
    names = " ".join(device_pins(target))
    assert {arch for arch in CHIPS if re.search(rf"{arch}\b", names)} == {*target.archs}
    for arch in target.archs:
        assert re.search(rf"rocm-sdk-device-{arch}==", names)
        assert re.search(rf"amd-torch-device-{arch}==", names)


@every_amd_target
def test_device_wheels_are_of_the_versions_of_their_libraries(target: Target) -> None:
    """Device code of one ROCm does not run with the libraries of another."""
    pins = dict(pin.split("==") for pin in target.engine.requirements if "==" in pin)
    assert target.rocm is not None
    assert pins["rocm"] == pins["rocm-sdk-core"] == pins["rocm-sdk-libraries"] == target.rocm.version
    for pin in device_pins(target):
        name, version = pin.split("==")
        assert version == pins["torch" if "torch" in name else "rocm"]
    assert pins["torch"].endswith(f"+rocm{target.rocm.version}")


@every_amd_target
def test_names_of_rocm_are_of_an_upstream_index(target: Target) -> None:
    """PyPI has placeholders of these names."""
    upstream = {normalise(name) for names in target.engine.upstream.values() for name in names}
    parts = [target.engine.device, target.engine.source]
    asked = [*target.engine.requirements, *(pin for part in parts if part for pin in part.requirements)]
    names = {normalise(re.split(r"[\[=<>!~; ]", requirement)[0]) for requirement in asked}
    theirs = {name for name in names if re.match(r"(rocm|amd-|torch|triton$|vllm)", name)}
    assert theirs <= upstream


@every_amd_target
def test_one_gpu_alone_where_rccl_has_no_code(target: Target) -> None:
    assert target.rocm is not None
    assert target.rocm.rccl == ("gfx1150" not in target.archs)
    assert "tensor-parallel-size" not in target.engine.args


@every_amd_target
def test_aiter_is_off_and_absent(target: Target) -> None:
    assert target.engine.env["VLLM_ROCM_USE_AITER"] == "0"
    assert not any("aiter" in pin for pin in target.engine.requirements)


@every_amd_target
def test_its_base_is_one_that_upstreams_wheels_are_for(target: Target) -> None:
    base = CATALOG.bases[target.engine.base]
    assert base.python == "3.12"
    assert tuple(map(int, base.glibc.split("."))) >= (2, 35)


@every_amd_target
def test_every_pin_without_a_hash_says_what_its_wheel_is_for(target: Target) -> None:
    engine = target.engine
    pins = [pin for lock in engine.known_locks for pin in read(paths.LOCKS / f"{lock}.txt") if not pin.hashes]
    for pin in pins:
        assert pin.name in engine.sdists or any(fnmatch(pin.name, pattern) for pattern in engine.tags), pin


@pytest.mark.parametrize(("key", "value"), [("python", "3.13"), ("glibc", "2.34")])
def test_a_base_that_the_wheels_are_not_for_is_refused(tmp_path: Path, key: str, value: str) -> None:
    document = yaml.safe_load(paths.TARGETS.read_text(encoding="utf-8"))
    document["bases"]["noble"][key] = value
    file = tmp_path / "targets.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(
        ConfigError, match=rf"base 'noble' with .*{value}.* and the wheel of \S+ is for cp312"
    ):
        load_catalog(file)


def test_the_chip_without_bfloat16_is_never_asked_for_it() -> None:
    engine = AMD["gfx906"].engine
    assert engine.args["dtype"] == "float16"
    assert engine.args["attention-backend"] == "TRITON_ATTN"
    assert engine.route == "source"
    assert "VLLM_ROCM_USE_SKINNY_GEMM" not in engine.env


@pytest.mark.parametrize("name", ["gfx1150", "gfx1151"])
def test_gpus_that_share_memory_do_not_get_the_defaults_of_an_h100(name: str) -> None:
    args = AMD[name].engine.args
    assert int(args["max-num-seqs"]) <= 256
    assert int(args["max-num-batched-tokens"]) <= 2048


@pytest.mark.parametrize("name", ["gfx1200", "gfx1201", "gfx1100-gfx1201"])
def test_rdna_4_goes_without_the_protocol_that_hangs(name: str) -> None:
    assert AMD[name].engine.env["NCCL_PROTO"] == "Simple"


def test_every_upstream_project_has_one_index() -> None:
    for target in AMD.values():
        names = [normalise(name) for names in target.engine.upstream.values() for name in names]
        assert len(names) == len(set(names))
