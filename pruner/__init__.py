"""Device code for one chip: takes what other chips would run out of finished libraries and folders.

`pruner.library` prunes one ELF file, `pruner.tree` a whole tree; `python -m pruner` is the command line.
design.md beside this file follows one library from its first byte read to the rename.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the message is for images that have an older one
    sys.exit("error: the pruner needs Python 3.11 or newer, and this is Python " + sys.version.split()[0])

__version__ = "0.1.0"
