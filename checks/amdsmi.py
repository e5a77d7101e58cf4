"""Whether the image's own amdsmi loads, by which vLLM finds AMD GPUs. The server is shown a stub instead."""

import os

from checks.child import Trouble, probe
from checks.subject import Fault, Finding, Subject

_HINT = (
    "keep _rocm_sdk_core/share/amd_smi and libamd_smi.so, and let the image's PYTHONPATH lead to the former"
)


def loads(subject: Subject) -> Finding:
    try:
        answer = probe(subject, "amdsmi")
    except Trouble as trouble:
        return Finding([Fault(f"amdsmi cannot be imported: {trouble}", _HINT)])
    return Finding(found={"module": os.path.relpath(answer["module"], subject.root)})
