"""Which code a chip runs: the vendors' rules over names of chips, for fat binaries and folders alike."""
