"""Checks of a finished image that need no GPU, run inside it: `python -m checks EXPECT.json`.

EXPECT.json says what the image's target wants of it (`expectation`), `table` lists the checks, and each gives
back what it found and what is wrong. Standard library only, beside the `pruner` package, which reads ELF.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the message is for images that have an older one
    sys.exit("error: the checks need Python 3.11 or newer, and this is Python " + sys.version.split()[0])
