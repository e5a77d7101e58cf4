"""The parser of `vllm serve`."""

from argparse import ArgumentParser as FlexibleArgumentParser

__all__ = ["FlexibleArgumentParser", "make_arg_parser"]


def make_arg_parser(parser: FlexibleArgumentParser) -> FlexibleArgumentParser:
    parser.add_argument("model_tag", nargs="?")
    parser.add_argument("--enforce-eager", action="store_true")
    parser.add_argument("--max-num-seqs", type=int)
    parser.add_argument("--dtype", choices=["auto", "float16"])
    parser.add_argument("--attention-backend")
    return parser
