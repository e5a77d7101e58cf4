"""Each check of a build sees the fault that it is there for, and says so in a line of its own."""

from dataclasses import replace

import pytest

from tests.rehearsal.stage import Stage, other, with_files

pytestmark = pytest.mark.engine

TARGET = "gfx1151"


def test_a_foreign_code_object(stage: Stage) -> None:
    """It is put where a wheel's own code would be, as by a wheel for other chips."""
    library = "vllm/_C_stable_libtorch.abi3.so"
    foreign = stage.compiled("lib/aiter_core.so")
    error = stage.fails(TARGET, script=other("vllm", with_files(lambda _: {library: foreign})))
    assert "step chip" in error.message
    assert error.hint is not None
    assert "no code for this chip" in error.hint
    assert any("_C_stable_libtorch" in line and "gfx942" in line for line in error.evidence)


def test_an_archive_of_code_is_missing(stage: Stage) -> None:
    archive = f"torch/.kpack/torch_{TARGET}.kpack"
    script = other(
        f"amd-torch-device-{TARGET}", with_files(lambda _: {archive: None, "torch/nothing.txt": b""})
    )
    error = stage.fails(TARGET, script=script)
    assert f"there is no {archive}" in error.message


def test_another_torch_than_the_pinned_one(stage: Stage) -> None:
    """A wheel that comes later brings it along."""
    metadata = b"Metadata-Version: 2.1\nName: torch\nVersion: 2.12.0+rocm7.14.0\n"
    path = "compressed_tensors-0.17.0.data/purelib/torch-2.12.0+rocm7.14.0.dist-info/METADATA"
    error = stage.fails(TARGET, script=other("compressed-tensors", with_files(lambda _: {path: metadata})))
    assert "torch is there 2 times: 2.12.0+rocm7.14.0, 2.13.0+rocm10.0.0" in error.message


def test_a_symbol_that_no_library_defines(stage: Stage) -> None:
    """torch's library is another build's: it lacks what vLLM's modules want."""
    library = "torch/lib/libtorch_cpu.so"
    poorer = stage.compiled("lib/libshm.so")
    error = stage.fails(TARGET, script=other("torch", with_files(lambda _: {library: poorer})))
    assert "wants _ZN2at4_ops5empty4callEl" in error.message


def test_a_file_that_gives_its_owner_s_rights_to_everybody(stage: Stage) -> None:
    packages = [*stage.catalog.targets[TARGET].engine.runtime_packages, "fuse3"]
    error = stage.fails(TARGET, catalog=stage.with_engine(TARGET, runtime_packages=packages))
    assert "fusermount3" in error.message


def test_a_library_that_nothing_brings(stage: Stage) -> None:
    script = other("rocm-sdk-core", with_files(lambda _: {"_rocm_sdk_core/lib/libamdhip64.so.7": None}))
    error = stage.fails(TARGET, script=script)
    assert "libamdhip64.so.7" in error.message


def test_an_argument_that_this_vllm_does_not_take(stage: Stage) -> None:
    error = stage.fails(TARGET, catalog=stage.with_engine(TARGET, args={"swap-space": 4}))
    assert "--swap-space" in error.message


def test_a_variable_that_this_vllm_does_not_know(stage: Stage) -> None:
    error = stage.fails(TARGET, catalog=stage.with_engine(TARGET, env={"VLLM_USE_V1": "1"}))
    assert "VLLM_USE_V1" in error.message


def test_a_release_below_the_floor(stage: Stage) -> None:
    """targets.yaml refuses it, and so does the image where a wheel says something else."""
    script = other("vllm", lambda wheel: replace(wheel, version="0.21.0+rocm100"))
    error = stage.fails(TARGET, script=script)
    assert "0.21.0+rocm100" in error.message
