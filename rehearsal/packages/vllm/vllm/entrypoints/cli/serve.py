"""`vllm serve`, as far as its arguments go."""

from vllm.entrypoints.common.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

__all__ = ["FlexibleArgumentParser", "make_arg_parser"]
