"""Chips by name, for tests that are about the binaries."""

from pruner.archs import Gfx, Ptx, Sm, Wanted


def gfx(names: str) -> Wanted:
    """`gfx1151`, or several: `gfx906 gfx90a:xnack-`."""
    split = (name.split(":") for name in names.split())
    return Wanted(
        gfx=tuple(Gfx(processor, tuple((each[:-1], each[-1]) for each in rest)) for processor, *rest in split)
    )


def sm(numbers: str, ptx: Ptx = Ptx.NEEDED) -> Wanted:
    """`90`, or several: `86 90`."""
    return Wanted(sm=tuple(Sm(int(number)) for number in numbers.split()), ptx=ptx)
