"""That real libraries do after pruning what they did before: they load, they import, and other tools find the
same code for the chip in them."""

import hashlib
import mmap
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.prune import fetch
from bench.prune.claims import Claim, faultless
from bench.prune.host import imported, loaded
from bench.prune.trees import copy_of, libraries, prune
from tests.pruner.judging import faults
from tests.pruner.reading import Image, walk

_GFX = ("gfx1100", "gfx906")
_SM = "sm_90"
_EXTRACTED = (
    "torch/lib/libtorch_cuda.so",
    "nvidia/nccl/lib/libnccl.so.2",
    "nvidia/cu13/lib/libcurand.so.10",
    "nvidia/cu13/lib/libcublas.so.13",
    "vllm/_C_stable_libtorch.abi3.so",
)


def of_everything(cache: Path) -> Iterator[Claim]:
    for arch in _GFX:
        yield from _hip(arch, cache)
    yield from _cuda(cache)


def _hip(arch: str, cache: Path) -> Iterator[Claim]:
    originals = fetch.hip_libraries(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix="copy-") as place:
        folder = Path(place)
        for library in originals:
            subprocess.run(["cp", "-a", library, folder], check=True)
        names = [Path(library.name) for library in originals]
        system = fetch.hip_system(cache)
        before = loaded(folder, names, cache, system)
        prune(folder, "--arch", arch)
        yield _same(f"dlopen for {arch}", before, loaded(folder, names, cache, system))
        for library in originals:
            yield _same_code(library, folder / library.name, arch)


def _same_code(before: Path, after: Path, arch: str) -> Claim:
    found = _judged(before, after, arch)
    had, has = _code(before, arch), _code(after, arch)
    if had != has or not had:
        found.append(f"{had.total()} code objects before, {has.total()} after")
    return faultless(f"{before.name} for {arch}", found, checked=f"{had.total()} code objects, host bytes")


def _judged(before: Path, after: Path, label: str) -> list[str]:
    with _mapped(before) as old, _mapped(after) as new:
        return faults(old, new, frozenset({label}))


def _code(library: Path, arch: str) -> Counter[str]:
    """Digests of the code objects for a processor, in all its variants."""
    digests: Counter[str] = Counter()
    with _mapped(library) as data:
        image = Image(data)
        for section in image.device_sections:
            for unit in walk(image, section):
                for label, body in unit.objects:
                    if label.partition(":")[0] == arch:
                        digests[hashlib.sha256(body).hexdigest()] += 1
    return digests


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


def _cuda(cache: Path) -> Iterator[Claim]:
    source = fetch.site_packages(cache)
    names = libraries(source)
    before_loading, before_importing = loaded(source, names, cache), imported(source, cache)
    with copy_of(source, cache) as copy:
        report = prune(copy, "--arch", _SM, "--embedded")
        changed = [entry["path"] for entry in report["files"] if entry["outcome"] == "pruned"]
        yield _same(f"dlopen for {_SM}", before_loading, loaded(copy, names, cache))
        yield _same(f"imports for {_SM}", before_importing, imported(copy, cache))
        for name in _EXTRACTED:
            yield _extracted(source / name, copy / name, cache)
        found = [f"{name}: {fault}" for name in changed for fault in _judged(source / name, copy / name, _SM)]
        yield faultless("host bytes and code", found, checked=f"{len(changed)} files that were pruned")


def _same(name: str, before: Sequence[str], after: Sequence[str]) -> Claim:
    found = [f"{new}, before {old}" for old, new in zip(before, after, strict=True) if old != new]
    well = sum(line.endswith(": well") for line in before)
    return faultless(name, found, checked=f"{len(before)} of them, {well} well")


def _extracted(before: Path, after: Path, cache: Path) -> Claim:
    """By NVIDIA's own tool."""
    found = []
    machine_code = _extract(before, "-xelf", _SM, cache)
    if _extract(after, "-xelf", _SM, cache) != machine_code:
        found.append("other machine code")
    old, new = _extract(before, "-xptx", "", cache), _extract(after, "-xptx", "", cache)
    if new - old:
        found.append("PTX that was not there")
    checked = f"{machine_code.total()} cubins, {new.total()} of {old.total()} PTX"
    return faultless(f"cuobjdump {before.name}", found, checked=checked)


def _extract(library: Path, option: str, pattern: str, cache: Path) -> Counter[str]:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        subprocess.run(
            [fetch.cuobjdump(cache), option, pattern or "sm_", library],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir())
