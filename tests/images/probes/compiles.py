"""Runs in an image with stubs for the driver: vLLM finds what compiles CUDA's C++, and it compiles."""

import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from vllm.utils.flashinfer import has_flashinfer
from vllm.utils.import_utils import has_deep_gemm, has_humming, has_tilelang

KERNEL = """
#include <cub/cub.cuh>
#include <cuda_bf16.h>
#include <cstdio>
__global__ void sums(const __nv_bfloat16 *in, float *out) {
    using Reduce = cub::BlockReduce<float, 128>;
    __shared__ typename Reduce::TempStorage storage;
    float sum = Reduce(storage).Sum(__bfloat162float(in[threadIdx.x]));
    if (threadIdx.x == 0) *out = sum;
}
int main() {
    sums<<<1, 128>>>(nullptr, nullptr);
    std::puts(cudaGetErrorString(cudaDeviceSynchronize()));
}
"""
MODULES = ("flashinfer", "vllm.third_party.deep_gemm", "tilelang", "humming", "tokenspeed_mla")


def compiled(arch: str, folder: pathlib.Path) -> list[str]:
    """What a program says that is linked and starts, and how device code alone begins."""
    source, program = folder / "sums.cu", folder / "sums"
    source.write_text(KERNEL, encoding="utf-8")
    nvcc = f"{os.environ['CUDA_HOME']}/bin/nvcc"
    # Against the shared runtime, as what FlashInfer compiles is linked.
    flags = [f"-gencode=arch=compute_{arch},code=sm_{arch}", "-cudart=shared", "-std=c++17"]
    subprocess.run([nvcc, *flags, "-o", program, source], check=True)
    said = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    cubin = folder / "sums.cubin"
    subprocess.run([nvcc, f"-arch=sm_{arch}", "-cubin", "-o", cubin, source], check=True)
    return [said.strip(), cubin.read_bytes()[:4].hex()]


def flashinfer_kernel(folder: pathlib.Path) -> list[str]:
    """One of FlashInfer's own modules, by its own build; the driver that it is linked with is the stub."""
    (folder / "libcuda.so").symlink_to(f"{os.environ['TRITON_LIBCUDA_PATH']}/libcuda.so.1")
    os.environ["FLASHINFER_EXTRA_LDFLAGS"] = f"-L{folder}"
    importlib.import_module("flashinfer.jit.norm").gen_norm_module().build(verbose=False)
    return [path.name for path in folder.rglob("*.so") if not path.is_symlink()]


arch = sys.argv[1]
with tempfile.TemporaryDirectory() as scratch:
    place = pathlib.Path(scratch)
    os.environ.update(FLASHINFER_WORKSPACE_BASE=scratch, FLASHINFER_CUDA_ARCH_LIST=f"{arch[:-2]}.{arch[-2:]}")
    print(
        json.dumps(
            {
                "flashinfer": has_flashinfer(),
                "deep_gemm": has_deep_gemm(),
                "tilelang": has_tilelang(),
                "humming": has_humming(),
                "imported": [name for name in MODULES if importlib.import_module(name)],
                "compiled": compiled(arch, place),
                "flashinfer_kernel": flashinfer_kernel(place),
            }
        )
    )
