"""Whether the image compiles what Triton compiles when it starts: a small C module around the driver."""

import re

from checks import device
from checks.child import Trouble, probe
from checks.subject import Fault, Finding, Subject

_HEADER = re.compile(r"fatal error: '?([\w./-]+?)'?(?:: No such file| file not found)")
_HEADERS = {
    "Python.h": "add Python's headers (libpython3-dev) to the runtime's packages",
    "cuda.h": "Triton brings it in backends/nvidia/include: no policy may remove it",
}
_OTHER_HEADER = "add the C library's headers (libc6-dev) to the runtime's packages"
_SYMPTOMS = (
    ("C compiler", "no C compiler is on PATH", "add gcc to the runtime's packages"),
    ("crti.o", "the C library's start files are missing", "add libc6-dev to the runtime's packages"),
    ("libamdhip64", "libamdhip64.so is not found", "ROCm's runtime has to be where Triton looks for it"),
    ("No module named 'triton", "Triton is not installed", "add it to the lock"),
)
"""What stands in the output -> what that means, and what to do."""


def compiles(subject: Subject) -> Finding:
    try:
        probe(subject, "compiler", [subject.expect.vendor], device.environment(subject))
    except Trouble as trouble:
        meaning, hint = _explained(trouble)
        return Finding([Fault(f"Triton's driver module does not compile: {meaning}", hint)])
    return Finding(found={"backend": subject.expect.vendor})


def _explained(trouble: Trouble) -> tuple[str, str]:
    text = f"{trouble.output}\n{trouble}"
    if header := _HEADER.search(text):
        return f"{header[1]} is missing", _HEADERS.get(header[1], _OTHER_HEADER)
    for symptom, meaning, hint in _SYMPTOMS:
        if symptom in text:
            return meaning, hint
    return str(trouble), "see that the compiler and its packages are whole"
