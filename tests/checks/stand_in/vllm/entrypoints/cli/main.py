"""The command line."""

import sys

from vllm.entrypoints.cli.serve import FlexibleArgumentParser, make_arg_parser
from vllm.platforms import current_platform

if __name__ == "__main__":
    assert current_platform
    make_arg_parser(FlexibleArgumentParser(prog="vllm serve")).parse_args(sys.argv[2:])
