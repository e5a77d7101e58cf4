"""Which files of an index are for a base."""

import pytest

from builder.tags import Fit

NOBLE = Fit("3.12", "2.39")


@pytest.mark.parametrize(
    "filename",
    [
        "torch-2.13.0+rocm10.0.0-cp312-cp312-linux_x86_64.whl",
        "vllm-0.33.0+rocm100-cp312-cp312-manylinux_2_35_x86_64.whl",
        "rocm_sdk_core-10.0.0-py3-none-linux_x86_64.whl",
        "rocm_bootstrap-0.1.0-py3-none-any.whl",
        "six-1.17.0-py2.py3-none-any.whl",
        "blake3-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "numpy-2.3.5-cp311.cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "ninja-1-2-py3-none-manylinux1_x86_64.whl",
        "rocm-10.0.0.tar.gz",
    ],
)
def test_what_is_for_a_base(filename: str) -> None:
    assert NOBLE.takes(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "torch-2.13.0+rocm10.0.0-cp313-cp313-linux_x86_64.whl",
        "torch-2.13.0+rocm10.0.0-cp312-cp312t-linux_x86_64.whl",
        "torch-2.13.0+rocm10.0.0-cp312-cp312-win_amd64.whl",
        "rocm_sdk_core-10.0.0-py3-none-win_amd64.whl",
        "vllm-0.33.0-cp38-abi3-manylinux_2_28_aarch64.whl",
        "x-1.0-cp312-cp312-manylinux_2_40_x86_64.whl",
        "x-1.0-cp313-abi3-manylinux_2_17_x86_64.whl",
        "x-1.0-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl",
        "x-1.0-cp312-cp312-musllinux_1_2_x86_64.whl",
        "x-1.0.whl",
        "index.html",
        "",
    ],
)
def test_what_is_for_another(filename: str) -> None:
    assert not NOBLE.takes(filename)
