"""All that tools and a process say of one binary, as JSON.

    examined.py hip|cuda RUNTIME BINARY how [CHIP...]

Its units lie beside it, as 0.fatbin and so on. `how`: `load` it with the chips that comgr is asked for,
`execute` it, or `emulate` another processor that loads it.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import taken_apart  # type: ignore[import-not-found] # lies beside it

READERS = ("readelf", "llvm-readelf-22")


def complaints(binary: str) -> str:
    """What tools that read every header and table have against a file."""
    argvs = ((reader, "--all", "--wide", binary) for reader in READERS)
    return "".join(subprocess.run(argv, capture_output=True, text=True, check=False).stderr for argv in argvs)


def main() -> None:
    vendor, runtime, binary, how, *chips = sys.argv[1:]
    loading = (sys.executable, str(Path(__file__).with_name("loaded.py")), binary, runtime, *chips)
    emulating = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "/runtimes/loader", binary)
    argv = {"load": loading, "execute": (binary,), "emulate": emulating}[how]
    units = sorted(Path(binary).parent.glob("*.fatbin"), key=lambda path: int(path.stem))
    with ThreadPoolExecutor() as pool:
        process = pool.submit(subprocess.run, argv, capture_output=True, text=True, check=False)
        complaint = pool.submit(complaints, binary)
        code = pool.map(lambda path: taken_apart.hashes(taken_apart.UNIT[vendor](str(path))), units)
        ran = process.result()
        report = {
            "status": ran.returncode,
            "out": ran.stdout,
            "err": ran.stderr,
            "complaints": complaint.result(),
            "units": list(code),
        }
    json.dump(report, sys.stdout)


main()
