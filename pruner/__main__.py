"""`python -m pruner PATH --arch gfx1151`."""

import sys

from pruner.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
