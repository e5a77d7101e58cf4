"""Whatever a folder holds and whatever is asked for: nothing of the chip goes, and it never ends empty."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pruner.archs import GENERICS
from pruner.folders.remove import remove
from pruner.report import Outcome
from tests.pruner.folders.making import below, code, grow, plans

CHIPS = (
    "gfx900",
    "gfx906",
    "gfx908",
    "gfx90a",
    "gfx942",
    "gfx1030",
    "gfx1100",
    "gfx1101",
    "gfx1151",
    "gfx11-generic",
)
PLACES = {
    "rocblas": (
        "lib/rocblas/library/TensileLibrary_lazy_{}.dat",
        "lib/rocblas/library/Kernels.so-000-{}.hsaco",
    ),
    "hipblaslt": ("l/hipblaslt/library/{0}/TensileLibrary_lazy_{0}.dat", "l/hipblaslt/library/{0}/K_{0}.co"),
    "miopen": ("share/miopen/db/{}_60.kdb", "share/miopen/db/{}_metadata.tn.model"),
    "aotriton": ("lib/aotriton.images/amd-{}/flash/attn_fwd.zip",),
    "aiter": ("aiter_meta/hsa/{}/pa/pa.co", "aiter_meta/hsa/{}/pa/pa.csv"),
    "loose": ("kernels/add_{}.hsaco", "kernels/{}/mul.co"),
}
SHARED = (
    "lib/rocblas/library/T_fallback.dat",
    "share/miopen/db/readme",
    "lib/aotriton.images/sign",
    "kernels/a.txt",
)


def content(path: str, chip: str) -> bytes:
    return code(chip) if path.endswith((".co", ".hsaco")) else b"data"


@given(
    there=st.lists(
        st.tuples(st.sampled_from(sorted(PLACES)), st.sampled_from(CHIPS)), min_size=1, max_size=12
    ),
    asked=st.lists(st.sampled_from([chip for chip in CHIPS if chip not in GENERICS]), min_size=1, max_size=3),
)
def test_nothing_of_a_wanted_chip_ever_goes(there: list[tuple[str, str]], asked: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = {
            pattern.format(chip): (chip, content(pattern, chip))
            for place, chip in there
            for pattern in PLACES[place]
        }
        root = grow(
            Path(folder), {path: data for path, (_, data) in files.items()} | dict.fromkeys(SHARED, b"data")
        )
        before = below(root)
        decided = plans(root, *asked)
        done = [remove(root, one) for one in decided]
        left = below(root)
        assert done == decided
        assert left >= set(SHARED) & before
        assert left >= {path for path, (chip, _) in files.items() if chip in asked}
        assert before - left == {path for one in decided for path in one.removed}
        for one in done:
            kept = {decision.label for decision in one.decisions if decision.outcome is not Outcome.REMOVED}
            assert kept - {"shared"} or {decision.label for decision in one.decisions} == {"shared"}
        again = plans(root, *asked)
        assert not any(one.removed for one in again)
