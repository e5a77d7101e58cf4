"""Which bytes of the old file are gone, and where the others are in the new one."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

Range = tuple[int, int]


class FileMap:
    """Old offsets to new ones, where the ranges `cuts` (ascending, apart) have been taken out."""

    def __init__(self, cuts: Iterable[Range] = ()) -> None:
        self.cuts = tuple(cuts)
        self._starts = [start for start, _ in self.cuts]
        self._gone = list(accumulate((end - start for start, end in self.cuts), initial=0))

    def __call__(self, offset: int) -> int:
        """An offset within a cut is where the cut was made."""
        before = bisect_right(self._starts, offset)
        if before and offset < self.cuts[before - 1][1]:
            return self._starts[before - 1] - self._gone[before - 1]
        return offset - self._gone[before]

    @property
    def gone(self) -> int:
        return self._gone[-1]

    def within(self, start: int, end: int) -> list[Range]:
        """The cuts that touch [start, end)."""
        first = bisect_right(self._starts, start)
        if first and self.cuts[first - 1][1] > start:
            first -= 1
        found = []
        for cut in self.cuts[first:]:
            if cut[0] >= end:
                break
            found.append(cut)
        return found

    def left(self, start: int, end: int) -> Iterator[Range]:
        """What remains of [start, end), in old offsets."""
        yield from without((start, end), self.within(start, end))


def without(whole: Range, holes: Iterable[Range]) -> Iterator[Range]:
    """`whole` less the `holes`, which ascend and may overlap."""
    position, end = whole
    for first, last in holes:
        if last <= position:
            continue
        if first >= end:
            break
        if first > position:
            yield position, first
        position = last
    if position < end:
        yield position, end


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same bytes as ascending ranges that do not touch."""
    result: list[Range] = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        elif start < end:
            result.append((start, end))
    return result


def apart(ranges: Iterable[Range]) -> bool:
    return all(before[1] <= after[0] for before, after in pairwise(sorted(ranges)))
