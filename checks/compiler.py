"""Whether the image compiles what Triton compiles when it starts: a small C module around the driver."""

from checks import device
from checks.child import Trouble, probe
from checks.subject import Fault, Finding, Subject

_SYMPTOMS = (
    ("C compiler", "no C compiler is on PATH", "add gcc to the runtime's packages"),
    ("Python.h", "Python.h is missing", "add Python's headers (libpython3-dev) to the runtime's packages"),
    ("cuda.h", "cuda.h is missing", "Triton brings it in backends/nvidia/include: no policy may remove it"),
    ("stdlib.h", "the C library's headers are missing", "add libc6-dev to the runtime's packages"),
    ("crt1.o", "the C library's start files are missing", "add libc6-dev to the runtime's packages"),
    (
        "libamdhip64",
        "libamdhip64.so is not found",
        "ROCm's runtime has to be where Triton looks: HIP_PATH, torch/lib",
    ),
    ("No module named 'triton", "Triton is not installed", "add it to the lock"),
)
"""What stands in the output -> what that means, and what to do."""


def compiles(subject: Subject) -> Finding:
    try:
        probe(subject, "compiler", [subject.expect.vendor], device.environment(subject))
    except Trouble as trouble:
        return Finding([_fault(trouble)])
    return Finding(found={"backend": subject.expect.vendor})


def _fault(trouble: Trouble) -> Fault:
    text = f"{trouble.output}\n{trouble}"
    for symptom, meaning, hint in _SYMPTOMS:
        if symptom in text:
            return Fault(f"Triton's driver module does not compile: {meaning}", hint)
    return Fault(
        f"Triton's driver module does not compile: {trouble}",
        "see that the compiler and its packages are whole",
    )
