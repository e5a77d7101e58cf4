"""Loads libraries, each in a process of its own, and says how it went.

python -m bench.prune.loads FILE...      one line for each
"""

import ctypes
import os
import sys


def how(path: str) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            ctypes.CDLL(path, mode=os.RTLD_NOW)
            answer = "loads"
        except OSError as error:
            answer = str(error)
        os.write(writer, answer.encode()[:4000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        answer = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"died of {status}" if status else answer


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(how(name).replace("\n", " "))
