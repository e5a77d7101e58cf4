"""Compile a kernel for one chip, and the launcher beside it, as Triton does at run time."""

# mypy: ignore-errors
# Triton is where this runs, and reads the kernel in a way of its own.

import hashlib
import json
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.driver import CudaUtils
from triton.compiler import ASTSource


@triton.jit
def softened_dot(a, b, c, block: tl.constexpr):  # noqa: ANN001, ANN201
    row = tl.arange(0, block)
    square = row[:, None] * block + row[None, :]
    tl.store(c + square, tl.exp(tl.dot(tl.load(a + square), tl.load(b + square))))


source = ASTSource(
    fn=softened_dot,
    signature={"a": "*fp16", "b": "*fp16", "c": "*fp32", "block": "constexpr"},
    constexprs={"block": 64},
)
compiled = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32))
cubin = compiled.asm["cubin"]
print(
    json.dumps(
        {
            "machine": int.from_bytes(cubin[18:20], "little"),
            "bytes": len(cubin),  # ptxas for Blackwell does not always write the same ones
            "ptx": hashlib.sha256(compiled.asm["ptx"].encode()).hexdigest(),
            "launches": callable(CudaUtils().launch),
        }
    )
)
