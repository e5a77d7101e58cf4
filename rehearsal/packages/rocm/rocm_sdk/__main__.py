"""`rocm-sdk init` unpacks the development part; `rocm-sdk path --root` says where ROCm is; `version`."""

import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

from rocm_sdk import __version__, root


def unpack() -> None:
    spec = find_spec("rocm_sdk_devel")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("rocm-sdk-devel is not installed")
    folder = Path(spec.submodule_search_locations[0])
    with tarfile.open(folder / "_devel.tar") as archive:
        archive.extractall(folder.parent, filter="tar")


def main() -> None:
    match sys.argv[1:]:
        case ["init"]:
            unpack()
        case ["path", "--root"]:
            print(root())
        case ["version"]:
            print(__version__)
        case _:
            raise SystemExit("usage: rocm-sdk init | path --root | version")


if __name__ == "__main__":
    main()
