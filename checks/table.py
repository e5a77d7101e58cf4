"""The checks, in their order: what is read off files first, then what has to be started."""

from checks import amdsmi, code, compiler, files, kpack, needed, records, server, symbols, versions
from checks.expectation import Expectation
from checks.subject import Check


def _always(_: Expectation) -> bool:
    return True


def _has_python(expect: Expectation) -> bool:
    return bool(expect.venv)


def _has_gpu(expect: Expectation) -> bool:
    return bool(expect.archs)


def _has_triton(expect: Expectation) -> bool:
    return bool(expect.archs) and bool(expect.engine)


def _is_rocm(expect: Expectation) -> bool:
    return expect.vendor == "amd"


def _has_engine(expect: Expectation) -> bool:
    return bool(expect.engine)


CHECKS = (
    Check("versions", _has_python, versions.pinned),
    Check("least", _has_python, versions.safe),
    Check("fingerprint", _has_triton, versions.fingerprint),
    Check("requires", _has_engine, versions.fitting),
    Check("needed", _always, needed.closed),
    Check("symbols", _has_python, symbols.resolved),
    Check("kpack", _is_rocm, kpack.archives),
    Check("records", _has_python, records.true),
    Check("code", _has_gpu, code.own_alone),
    Check("privileged", _always, files.privileged),
    Check("compiler", _has_triton, compiler.compiles),
    Check("amdsmi", _is_rocm, amdsmi.loads),
    Check("starts", _has_engine, server.starts),
    Check("platform", _has_engine, server.platform),
    Check("arguments", _has_engine, server.arguments),
    Check("variables", _has_engine, server.variables),
)
