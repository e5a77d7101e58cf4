"""A stand-in for vLLM's setup.py: it compiles kernels for the chips that PYTORCH_ROCM_ARCH names, or takes
them out of a wheel that somebody compiled before."""

import os
import shutil
import subprocess
import sysconfig
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Distribution, find_packages, setup
from setuptools.command.build_py import build_py

_MODULES = ("_C_stable_libtorch", "_moe_C_stable_libtorch", "_rocm_C")
_SITE = Path(os.environ["PYTHONPATH"])
_TORCH = _SITE / "torch/lib"
_RUNTIME = _SITE / "_rocm_sdk_core/lib/libamdhip64.so.7"


def compile_module(name: str, folder: Path) -> None:
    """Device code for each chip goes through ccache; the rest is quick."""
    compiler = str(Path(os.environ["ROCM_PATH"], "lib/llvm/bin/clang++"))
    archs = os.environ["PYTORCH_ROCM_ARCH"].replace(";", ",")
    kernels = folder / f"{name}.o"
    number = _MODULES.index(name) + 1
    subprocess.run(
        [
            *(shutil.which("ccache") or "ccache", compiler, "-x", "hip", "-w", "-O2", "-fPIC", "-nogpuinc"),
            *("-nogpulib", "--no-offload-new-driver", f"--offload-arch={archs}", f"-DPART={number}"),
            *("-c", "csrc/kernels.hip", "-o", str(kernels)),
        ],
        check=True,
    )
    headers = sysconfig.get_paths("posix_prefix")["include"]
    subprocess.run(
        [
            *(
                compiler,
                "-shared",
                "-fPIC",
                "-O2",
                "-fuse-ld=lld",
                f"-I{headers}",
                f"-DMODULE={name}",
                "-DTORCH",
            ),
            *(
                "csrc/module.cpp",
                str(kernels),
                *(str(_TORCH / f"lib{each}.so") for each in ("torch", "torch_cpu")),
            ),
            *(str(_TORCH / "libtorch_hip.so"), str(_TORCH / "libc10.so"), str(_RUNTIME)),
            *("-o", str(folder / f"{name}.abi3.so")),
        ],
        check=True,
    )
    kernels.unlink()


class BuildWithKernels(build_py):
    def run(self) -> None:
        super().run()
        folder = Path(self.build_lib, "vllm")
        folder.mkdir(parents=True, exist_ok=True)
        if os.environ.get("VLLM_USE_PRECOMPILED") == "1":
            self._take_out(Path(os.environ["VLLM_PRECOMPILED_WHEEL_LOCATION"]))
            return
        with ThreadPoolExecutor(int(os.environ["MAX_JOBS"])) as jobs:
            list(jobs.map(lambda name: compile_module(name, folder), _MODULES))

    def _take_out(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(".so"):
                    archive.extract(name, self.build_lib)


class Platform(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(
    name="vllm",
    version=os.environ["SETUPTOOLS_SCM_PRETEND_VERSION"],
    packages=find_packages(include=["vllm", "vllm.*"]),
    package_data={"": ["*.txt"]},
    entry_points={"console_scripts": ["vllm = vllm.entrypoints.cli.main:main"]},
    cmdclass={"build_py": BuildWithKernels},
    distclass=Platform,
)
