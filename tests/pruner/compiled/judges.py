"""Who says whether a pruned file is right: the loader, the vendors' tools, and a reader of its own."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tests.pruner.compiled.binaries import Binaries
from tests.pruner.compiled.memory import Memory, compare
from tests.pruner.compiled.workbench import Workbench

_PROBES = Path(__file__).with_name("probes")
_RUNTIMES = "/runtimes"
_RUNTIME = {"hip": "libamdhip64.so", "cuda": "libcudart.so"}
_HOW = {"program": "execute", "aarch64": "emulate"}
"""Name of a binary -> what is done with it; every other is loaded."""

Code = Mapping[str, Sequence[str]]
"""Label of a chip -> hashes of the code for it."""


@dataclass(frozen=True)
class Examined:
    """What tools and a process say of a binary."""

    units: list[Code]
    """The code of each unit that the host points at, as the vendor's tool takes it out."""
    complaints: str
    printed: str
    """By the program; of a library what `probes/loaded.py` saw."""


class Judges:
    def __init__(self, bench: Workbench, binaries: Binaries) -> None:
        self._bench = bench
        self._binaries = binaries
        self._rooms = (f"/judged/{number}" for number in itertools.count())
        self._originals: dict[str, Examined] = {}
        bench.put(_RUNTIMES, {**binaries.runtimes, "loader": binaries["hip/loader"]})
        bench.put("/probes", {path.name: path for path in _PROBES.glob("*.py")})

    def original(self, form: str) -> Examined:
        """The binary as it was compiled."""
        if form not in self._originals:
            self._originals[form] = self.examine(self._binaries[form], form)
        return self._originals[form]

    def examine(self, path: Path, form: str, chips: Iterable[str] = ()) -> Examined:
        """Let everybody look at it; `chips` are those that comgr is asked for."""
        vendor = form.partition("/")[0]
        room = next(self._rooms)
        units = {f"{number}.fatbin": unit for number, unit in enumerate(Memory(path).units.values())}
        self._bench.put(room, {"binary": path, **units})
        argv = (vendor, _RUNTIME[vendor], f"{room}/binary", _how(form), *chips)
        found = self._ask("examined.py", *argv)
        assert (found["status"], found["err"]) == (0, ""), found
        return Examined(
            [_named(unit) for unit in found["units"]], found["complaints"].replace(room, ""), found["out"]
        )

    def treated(self, path: Path, *argv: str) -> None:
        """Let a tool change a file."""
        room = next(self._rooms)
        self._bench.put(room, {"binary": path})
        done = self._bench.run(*argv, f"{room}/binary")
        assert (done.status, done.err) == (0, ""), done
        path.write_bytes(dict(self._bench.get(room))[PurePosixPath("binary")])

    def whole(self, path: Path, form: str) -> Code:
        """The code that the vendor's tool finds in the file."""
        room = next(self._rooms)
        self._bench.put(room, {"binary": path})
        return _named(self._ask("whole.py", form.partition("/")[0], f"{room}/binary"))

    def _ask(self, probe: str, *argv: str) -> Any:  # noqa: ANN401 - whatever JSON comes
        done = self._bench.run("python3", f"/probes/{probe}", *argv, LD_LIBRARY_PATH=_RUNTIMES)
        assert done.status == 0, f"{probe} ended with {done.status}:\n{done.out}\n{done.err}"
        return json.loads(done.out)

    def agree(self, form: str, pruned: Path, kept: Sequence[Iterable[str]]) -> None:
        """Every judge says that `pruned` is the binary `form` with the code in `kept` alone, by unit."""
        compare(Memory(self._binaries[form]), Memory(pruned))
        complaints = self.holds(form, pruned, kept)
        assert complaints == self.original(form).complaints

    def holds(self, form: str, pruned: Path, kept: Sequence[Iterable[str]]) -> str:
        """The code in `kept` is found by tools and in a process; gives what readers complain of."""
        before = self.original(form)
        expected = [
            {label: unit[label] for label in labels} for unit, labels in zip(before.units, kept, strict=True)
        ]
        memory = Memory(pruned)
        chips = sorted(set().union(*before.units) - {"host"}) if memory.in_the_open else []
        found = self.examine(pruned, form, chips)
        assert found.units == expected
        match _how(form):
            case "load":
                _loads_well(found.printed, memory, expected if chips else [])
            case "emulate":
                _loads_emulated(found.printed, memory)
            case _:
                assert found.printed == before.printed
        return found.complaints


def _loads_well(printed: str, memory: Memory, bundles: Sequence[Code]) -> None:
    """The host's functions answer, and the runtime finds each unit where it belongs, in memory and file."""
    loaded = json.loads(printed)
    assert loaded["answers"] in ([43, 44], [43, 44, 45])
    records = {int(record): unit for record, unit in loaded["records"].items()}
    assert records
    assert records.items() <= memory.records.items()
    assert {unit["address"] for unit in loaded["units"]} == set(memory.units)
    assert all(unit["in_file"] for unit in loaded["units"])
    if bundles:
        device = [{chip: code[0] for chip, code in unit.items() if chip != "host"} for unit in bundles]
        found = {unit["address"]: unit["comgr"] for unit in loaded["units"]}
        assert [found[address] for address in memory.units] == device


def _loads_emulated(printed: str, memory: Memory) -> None:
    """What sources/loader.c tells is what the image has."""
    answers, *records = printed.splitlines()
    assert answers == "43 44"
    assert records == [f"{unit:#x} {_hash(memory.relocated, unit):#x}" for unit in memory.records.values()]


def _hash(image: bytes | bytearray, start: int) -> int:
    """FNV-1a of what a unit begins with."""
    value = 14695981039346656037
    for byte in image[start : start + 40000]:
        value = (value ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return value


def _how(form: str) -> str:
    return _HOW.get(form.rpartition("/")[2], "load")


def _named(code: Code) -> Code:
    return {_short(label): hashes for label, hashes in code.items()}


def _short(label: str) -> str:
    """A bundle's id without what is the same in all: `hipv4-amdgcn-amd-amdhsa--gfx906` is `gfx906`."""
    return "host" if label.startswith("host") else label.rpartition("--")[2]
