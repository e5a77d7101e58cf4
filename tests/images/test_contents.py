"""What lies in each image, and what must not."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from testinfra.host import Host  # type: ignore[import-untyped]

from builder.engine import Engine
from builder.targets import ImageSpec
from tests.images.conftest import ANY_USER, HARDENED, inside, log_of, start

if TYPE_CHECKING:
    from docker.models.containers import Container

pytestmark = pytest.mark.engine

LOADED_RARELY = re.compile(
    r"/transformers/models/(?!auto/)\w+/(modeling|\w*processing|feature_extraction)_"
    r"|/torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg))"
)
"""One model of hundreds, and torch's own tests."""
PYTHON = "/opt/venv/bin/python"
PROBES = Path(__file__).with_name("probes")
MODULES = {"vllm": "vllm, vllm.entrypoints.cli.main", "embeddings": "infinity_emb", "proxy": "proxy"}
OCI_LABELS = ("title", "description", "version", "licenses", "base.name")
FORBIDDEN_TOOLS = (
    "pip",
    "pip3",
    "uv",
    "gcc",
    "cc",
    "g++",
    "c++",
    "clang",
    "ld",
    "as",
    "strip",
    "make",
    "curl",
)
FOREIGN = re.compile(r"nvidia-|cuda-|triton|torchvision|torchaudio|torchcodec")
"""Distributions for GPUs, or built for them, that a resolver likes to bring along."""

UNLOADABLE = {
    "xgrammar/libxgrammar_bindings.so": "finds libtvm_ffi.so through the package tvm_ffi, imported before it",
    "scipy.libs/libgfortran-8f1e9814.so.5.0.0": "finds libquadmath through the modules that load both",
}
"""Libraries below site-packages that do not load by themselves, each with the reason."""


TOO_SMALL_TO_STRIP = {
    "numpy/linalg/lapack_lite.cpython-311-x86_64-linux-gnu.so",
    "torch/_C.cpython-311-x86_64-linux-gnu.so",
}
"""Libraries that are a few pages in all, none of which their symbols have to themselves."""


def probe(container: "Container", name: str) -> list[str]:
    source = (PROBES / f"{name}.py").read_text(encoding="utf-8")
    return inside(container, PYTHON, "-c", source).splitlines()


def test_runs_as_a_user_of_its_own(host: Host) -> None:
    assert host.check_output("id -u") == "10001"
    assert host.check_output("id -g") == "0"
    assert host.check_output("id -un") == "gfxpack"
    assert host.check_output("pwd") == "/"
    assert host.environment()["HOME"] == "/tmp"  # noqa: S108 - where a read-only root lets it write


def test_any_user_id_can_import_it(engine: Engine, tag: str, name: str) -> None:
    code = f"import os, getpass, {MODULES[name]}; print(os.getuid(), getpass.getuser())"
    options = {"entrypoint": [PYTHON], "user": ANY_USER, "network_mode": "none", **HARDENED}
    container = start(engine, tag, "-c", code, **options)
    try:
        assert container.wait(timeout=120)["StatusCode"] == 0, log_of(container)
        assert log_of(container).split()[-2:] == [ANY_USER.partition(":")[0], "gfxpack"]
    finally:
        container.remove(force=True)


def test_holds_no_setuid_or_setgid_file(root: Host) -> None:
    assert root.check_output("find / -xdev -type f -perm /6000") == ""


def test_nothing_but_the_places_of_volumes_is_writable(host: Host) -> None:
    places = (
        "find / -xdev \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o ! -type l -writable -print"
    )
    allowed = {"/tmp", "/var/tmp", "/run/lock", "/hub", "/library"}  # noqa: S108
    assert set(host.run(places).stdout.split()) <= allowed


def test_holds_no_compiler_and_no_package_installer(host: Host, root: Host) -> None:
    assert [tool for tool in FORBIDDEN_TOOLS if host.exists(tool)] == []
    assert host.run(f"{PYTHON} -m pip --version").failed
    assert host.run(f"{PYTHON} -m ensurepip --version").failed
    leftovers = (
        "find / -xdev \\( -path '*/.cache/*' -o -name 'pip-*.whl' -o -path '*/site-packages/pip/*' \\)"
    )
    assert root.check_output(leftovers) == ""


def test_holds_no_package_source(root: Host) -> None:
    assert root.run("grep -rhE '^(deb|URIs)' /etc/apt/sources.list /etc/apt/sources.list.d").stdout == ""
    assert root.check_output("find /var/lib/apt/lists /var/cache/apt -type f ! -name lock") == ""
    assert root.check_output("find / -xdev \\( -name pip.conf -o -name direct_url.json \\)") == ""


def test_record_files_are_true(idle: "Container") -> None:
    assert probe(idle, "records") == []


def test_every_library_loads(idle: "Container") -> None:
    failed = {}
    for line in probe(idle, "libraries"):
        path, _, reason = line.partition(": ")
        failed[path.partition("site-packages/")[2]] = reason
    assert {path: reason for path, reason in failed.items() if path not in UNLOADABLE} == {}


def test_no_library_keeps_symbols_that_nothing_reads(idle: "Container") -> None:
    keeping = {line.partition("site-packages/")[2] for line in probe(idle, "symbols")}
    assert keeping <= TOO_SMALL_TO_STRIP


def test_all_that_every_server_imports_is_byte_compiled(host: Host) -> None:
    """A read-only root could never keep byte code that is made at run time."""
    code = (
        "import pathlib, importlib.util as u, sys\n"
        "for source in pathlib.Path('/opt/venv/lib').rglob('*.py'):\n"
        "    cached = pathlib.Path(u.cache_from_source(str(source)))\n"
        "    if not cached.exists() or cached.read_bytes()[4] != 1:\n"
        "        print(source)\n"
    )
    sources = host.check_output(f'{PYTHON} -c "{code}"').splitlines()
    assert [source for source in sources if not LOADED_RARELY.search(source)] == []


def test_nothing_for_gpus_came_along(host: Host) -> None:
    code = "import importlib.metadata as m; print(*sorted({d.name.lower() for d in m.distributions()}))"
    assert [dist for dist in host.check_output(f"{PYTHON} -c '{code}'").split() if FOREIGN.match(dist)] == []


def test_labels(engine: Engine, tag: str, name: str, spec: ImageSpec) -> None:
    labels = engine.sdk.images.get(tag).labels
    assert all(labels.get(f"org.opencontainers.image.{label}") for label in OCI_LABELS)
    assert labels["org.opencontainers.image.version"] == spec.version
    assert labels["gfxpack.image"] == name
    assert labels.get("gfxpack.target") == ("cpu" if name == "vllm" else None)
    assert re.fullmatch(r"[0-9a-f]{64}", labels["gfxpack.inputs"])


def test_labels_come_last(engine: Engine, tag: str) -> None:
    """They hold the hash of all inputs: any layer above them would be made anew each time."""
    newest = engine.sdk.images.get(tag).history()[0]
    assert newest["CreatedBy"].startswith("LABEL ")
    assert newest["Size"] == 0


def test_weighs_no_more_than_its_budget(engine: Engine, tag: str, spec: ImageSpec) -> None:
    image = engine.image(tag)
    assert image is not None
    assert image.size <= spec.budget.total_mb * 10**6
    base = engine.image(image.labels["org.opencontainers.image.base.name"])
    if spec.budget.added_mb is not None and base is not None:
        assert image.size - base.size <= spec.budget.added_mb * 10**6


def test_how_it_is_started_and_stopped(engine: Engine, tag: str, spec: ImageSpec) -> None:
    config = engine.sdk.images.get(tag).attrs["Config"]
    assert config["User"] == "10001:0"
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["ExposedPorts"]) == [f"{spec.port}/tcp"]
    assert config["Entrypoint"][0] == PYTHON
    health = config["Healthcheck"]
    assert health["Test"][0] == "CMD"
    assert health["StartInterval"] <= 2 * 10**9
    assert "curl" not in json.dumps(health)


def test_reports_home_to_nobody(engine: Engine, tag: str, name: str) -> None:
    environment = dict(entry.split("=", 1) for entry in engine.sdk.images.get(tag).attrs["Config"]["Env"])
    off = {
        "vllm": {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
        "embeddings": {"INFINITY_ANONYMOUS_USAGE_STATS": "0", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
        "proxy": {},
    }[name]
    assert {key: environment.get(key) for key in off} == off
