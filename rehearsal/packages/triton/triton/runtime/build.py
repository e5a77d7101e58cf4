"""The C compiler that launchers are built with."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path


def _find_compiler() -> str:
    found = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")
    return found


def _build(  # noqa: PLR0917 - as the real one has them
    name: str,
    src: str,
    srcdir: str,
    library_dirs: list[str],
    include_dirs: list[str],
    libraries: list[str],
    ccflags: list[str],
) -> str:
    """Compile an extension module; the parameters are the real one's."""
    target = Path(srcdir, name + str(sysconfig.get_config_var("EXT_SUFFIX")))
    scheme = sysconfig.get_default_scheme()
    headers = sysconfig.get_paths("posix_prefix" if scheme == "posix_local" else scheme)["include"]
    includes = [*include_dirs, srcdir, headers]
    subprocess.run(
        [
            *(_find_compiler(), src, "-O3", "-shared", "-fPIC", "-Wno-psabi", "-o", str(target)),
            *(f"-l{library}" for library in libraries),
            *(f"-L{folder}" for folder in library_dirs),
            *(f"-I{folder}" for folder in includes),
            *ccflags,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return str(target)
