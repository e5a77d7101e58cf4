#!/usr/bin/env python3
"""Entry point: makes the driver's own environment on first use, then hands over to builder.cli.

This file must parse on any Python, so that an old one gets a sentence and not a syntax error.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the message is for those who start it with an older one
    sys.exit("error: gfxpack needs Python 3.11 or newer, and this is Python " + sys.version.split()[0])

from builder import environment

if __name__ == "__main__":
    environment.enter(sys.argv)

    from builder.cli import main

    sys.exit(main(sys.argv[1:]))
