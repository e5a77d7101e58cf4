"""Device code for one chip: takes what other chips would run out of finished libraries and folders.

`pruner.library` prunes one ELF file, `pruner.tree` a whole tree; `python -m pruner` is the command line.
design.md beside this file follows one library from its first byte read to the rename.
"""

__version__ = "0.1.0"
