"""What every target's stack promises, whoever made the chip; the text of three of them stands in golden/."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder.errors import UsageError
from builder.render import ENV, ENV_EXAMPLE, EmbeddingsServer, HubModel, KeysFile, StackOptions
from tests.builder.render.stacks import CATALOG, USUAL, compose, files
from tests.builder.render.test_golden import GOLDEN, UPDATE, without_hashes

TARGETS = tuple(CATALOG.targets)
OPTIONS = {
    "usual": USUAL,
    "pooling": StackOptions(embeddings="vllm"),
    "server": StackOptions(embeddings=EmbeddingsServer("https://embed.example/v1", Path("/etc/ca.pem"))),
    "keys": StackOptions(
        embeddings=EmbeddingsServer("https://embed.example/v1", Path("/etc/ca.pem")),
        address="192.168.1.5",
        keys=KeysFile(Path("/etc/keys"), "1795"),
    ),
    "hub": StackOptions(model=HubModel("Qwen/Qwen3-0.6B", Path("/etc/hub.env"), {"ca": Path("/etc/ca.pem")})),
}
VENDORS = {"none": "cpu", "amd": "amd", "nvidia": "nvidia"}
GPU_KEYS = {"none": set(), "amd": {"devices", "group_add"}, "nvidia": {"deploy"}}


def engines(stack: dict[str, Any]) -> dict[str, Any]:
    """The services that run the target's own image."""
    return {
        name: each for name, each in stack["services"].items() if each["image"].startswith("gfxpack/vllm")
    }


def vendor(target: str) -> str:
    return CATALOG.targets[target].vendor


@pytest.mark.parametrize("target", ["amd", "nvidia"])
def test_the_text_of_each_vendor_is_as_reviewed(target: str) -> None:
    for file, content in files(target, StackOptions(embeddings="vllm", gpus=2)).items():
        text, golden = without_hashes(content.decode()), GOLDEN / f"{target}.{file}"
        if UPDATE:
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_stack_is_hardened_and_shows_one_port(target: str, options: StackOptions) -> None:
    stack = compose(target, options)
    published = {name: each["ports"] for name, each in stack["services"].items() if "ports" in each}
    assert published == {"proxy": [f"{options.address}:11434:11434"]}
    for name, service in stack["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["pull_policy"] == "never", name
        assert not {"privileged", "network_mode", "ipc", "pid", "user", "cap_add", "runtime"} & set(
            service
        ), name
        assert not any("docker.sock" in volume for volume in service["volumes"]), name


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_engines_have_what_their_vendor_wants_and_nothing_of_another(
    target: str, options: StackOptions
) -> None:
    stack = compose(target, options)
    every = set().union(*GPU_KEYS.values())
    for name, service in stack["services"].items():
        wanted = GPU_KEYS[vendor(target)] if name in engines(stack) else set()
        assert every & set(service) == wanted, name
    text = files(target, options)["compose.yaml"].decode().lower()
    strangers = {
        "none": ("nvidia", "/dev/", "gpu"),
        "amd": ("nvidia",),
        "nvidia": ("/dev/", "render_node", "group_add"),
    }
    assert not [word for word in strangers[vendor(target)] if word in text]


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("target", TARGETS)
def test_what_clients_make_never_reaches_what_engines_load(target: str, options: StackOptions) -> None:
    stack = compose(target, options)
    for name, service in stack["services"].items():
        assert ("library:/library" in service["volumes"]) == (name == "proxy"), name
        assert not [volume for volume in service["volumes"] if volume in ("models:/models", "models")], name
    assert stack["volumes"]["library"] == {"name": "gfxpack-library"}
    assert {"--models=/models", "--library=/library"} <= set(stack["services"]["proxy"]["command"])


def test_with_a_hub_the_proxy_reaches_it_as_the_engine_does() -> None:
    stack = compose("cpu", OPTIONS["hub"])
    proxy, vllm = stack["services"]["proxy"], stack["services"]["vllm"]
    assert (proxy["env_file"], proxy["secrets"]) == (vllm["env_file"], vllm["secrets"])
    assert stack["networks"]["front"] == {}
    usual = compose("cpu", USUAL)
    assert "env_file" not in usual["services"]["proxy"]
    assert usual["networks"]["front"]["driver_opts"]


@pytest.mark.parametrize("target", TARGETS)
def test_engines_get_memory_and_folders_of_their_data(target: str) -> None:
    spec = CATALOG.targets[target]
    for name, service in engines(compose(target, OPTIONS["pooling"])).items():
        assert service["shm_size"] == f"{spec.engine.shm_mb}m", name
        assert service["tmpfs"] == [f"/tmp:mode=1777,exec,size={spec.stack.tmp_mb}m"], name  # noqa: S108
        assert service["healthcheck"] == {"start_period": f"{spec.stack.start_minutes}m"}, name
        assert ("ulimits" in service) == spec.stack.lock_memory, name
        kept = {key: value for key, value in service.get("environment", {}).items() if "/cache/" in value}
        assert kept == {key: f"/cache/{folder}" for key, folder in spec.stack.caches.items()}, name
        assert ("cache:/cache" in service["volumes"]) == bool(kept), name


def test_two_gpus_are_two_nodes_and_one_model_in_two_parts() -> None:
    stack = compose("amd", StackOptions(gpus=2, embeddings="vllm"))
    vllm, embeddings = stack["services"]["vllm"], stack["services"]["embeddings"]
    nodes = ["${RENDER_NODE_0:-/dev/dri/renderD128}", "${RENDER_NODE_1:-/dev/dri/renderD129}"]
    assert vllm["devices"] == ["/dev/kfd", *nodes]
    assert embeddings["devices"] == ["/dev/kfd", nodes[0]]
    assert "--tensor-parallel-size=2" in vllm["command"]
    assert not any("parallel" in argument for argument in embeddings["command"])
    reserved = compose("nvidia", StackOptions(gpus=2))["services"]["vllm"]["deploy"]["resources"][
        "reservations"
    ]
    assert reserved["devices"][0]["device_ids"] == ["${GPU_0:-0}", "${GPU_1:-1}"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("amd-alone", "target amd-alone runs on one GPU, and 2 are asked for"),
        ("cpu", "target cpu uses no GPU, and 2 are asked for"),
    ],
)
def test_a_target_without_collectives_refuses_several_gpus(target: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        files(target, StackOptions(gpus=2))
    assert "--gpus" in (caught.value.hint or "")


@pytest.mark.parametrize("target", ["cpu", "amd", "nvidia"])
def test_vllm_embeds_in_infinitys_place(target: str) -> None:
    stack = compose(target, OPTIONS["pooling"])
    embeddings, vllm = stack["services"]["embeddings"], stack["services"]["vllm"]
    assert embeddings["image"] == vllm["image"]
    assert embeddings["command"][:3] == [
        "/models/all-minilm-l6-v2",
        "--served-model-name=all-minilm:l6-v2",
        "--runner=pooling",
    ]
    assert "--embeddings=http://embeddings:8000/v1" in stack["services"]["proxy"]["command"]
    assert embeddings["networks"] == ["back"]
    shares = [argument for argument in vllm["command"] if "memory-utilization" in argument]
    assert shares == ([] if target == "cpu" else ["--gpu-memory-utilization=0.8"])
    waits = {"embeddings": {"condition": "service_healthy"}}
    assert vllm.get("depends_on") == (None if target == "cpu" else waits)


def test_shares_of_one_gpu_leave_something_free() -> None:
    for name, target in CATALOG.targets.items():
        pooling, share = target.stack.pooling, "gpu-memory-utilization"
        if target.vendor != "none":
            assert float(pooling.args[share]) + float(pooling.beside[share]) <= 0.92, name


def test_a_server_of_somebody_else_opens_one_way_for_the_proxy_alone() -> None:
    stack, closed = compose("cpu", OPTIONS["server"]), compose("cpu")
    assert set(stack["services"]) == {"proxy", "vllm"}
    proxy = stack["services"]["proxy"]
    assert "--embeddings=https://embed.example/v1" in proxy["command"]
    assert proxy["environment"] == {"SSL_CERT_FILE": "/run/secrets/ca"}
    assert (proxy["secrets"], stack["secrets"]) == (["ca"], {"ca": {"file": "/etc/ca.pem"}})
    masked = {"driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"}}
    assert (stack["networks"]["front"], closed["networks"]["front"]) == ({}, masked)
    assert stack["networks"]["back"] == closed["networks"]["back"] == {"internal": True}
    on_front = [name for name, each in stack["services"].items() if "front" in each["networks"]]
    assert on_front == ["proxy"]
    assert "extra_hosts" not in proxy


def test_a_server_on_this_machine_is_found_by_name() -> None:
    options = StackOptions(embeddings=EmbeddingsServer("http://host.docker.internal:8080"))
    assert compose("cpu", options)["services"]["proxy"]["extra_hosts"] == [
        "host.docker.internal:host-gateway"
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_the_example_names_all_that_the_stack_reads(target: str) -> None:
    found = files(target)
    read = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", found["compose.yaml"].decode()))
    assert (ENV_EXAMPLE in found) == bool(read)
    lines = found.get(ENV_EXAMPLE, b"").decode().splitlines()
    said = dict(line.split("=") for line in lines if line and line[0] != "#")
    assert said == read
    assert all(value.isdecimal() for name, value in said.items() if name.endswith("GID"))


def resolved(folder: Path, **environ: str) -> Any:  # noqa: ANN401 - JSON
    """What Compose makes of it from the folder above, as the repository's own compose.yaml includes it."""
    (folder.parent / "compose.yaml").write_text(f"include: [{folder.name}/compose.yaml]\n")
    argv = ["docker", "compose", "--project-name", "x", "config", "--format", "json"]
    env = {"PATH": os.environ["PATH"], **environ}
    done = subprocess.run(argv, cwd=folder.parent, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def _compose_is_here() -> None:
    assert shutil.which("docker"), "these tests need docker's command line, not its engine"


@pytest.mark.engine
@pytest.mark.usefixtures("_compose_is_here")
@pytest.mark.parametrize(
    "options", [USUAL, OPTIONS["pooling"], OPTIONS["server"]], ids=["usual", "pooling", "server"]
)
@pytest.mark.parametrize("target", TARGETS)
def test_compose_takes_every_target_with_the_settings_as_they_come(
    tmp_path: Path, target: str, options: StackOptions
) -> None:
    folder = tmp_path / "current"
    folder.mkdir()
    found = files(target, options)
    for name, content in (found | {ENV: found.get(ENV_EXAMPLE, b"")}).items():
        (folder / name).write_bytes(content)
    assert set(resolved(folder)["services"]) >= {"proxy", "vllm"}


@pytest.mark.engine
@pytest.mark.usefixtures("_compose_is_here")
def test_compose_reads_the_settings_beside_an_included_file(tmp_path: Path) -> None:
    folder = tmp_path / "current"
    folder.mkdir()
    (folder / "compose.yaml").write_bytes(files("amd")["compose.yaml"])
    (folder / ENV).write_text("RENDER_NODE_0=/dev/dri/renderD130\nRENDER_GID=109\n")
    vllm = resolved(folder)["services"]["vllm"]
    assert [device["source"] for device in vllm["devices"]] == ["/dev/kfd", "/dev/dri/renderD130"]
    assert vllm["group_add"] == ["109", "44"]
    assert resolved(folder, RENDER_GID="110")["services"]["vllm"]["group_add"] == ["110", "44"]


@pytest.mark.parametrize("target", [name for name in TARGETS if CATALOG.targets[name].archs])
def test_what_a_gpu_compiles_at_run_time_is_kept(target: str) -> None:
    assert {"TRITON_CACHE_DIR", "VLLM_CACHE_ROOT"} <= set(CATALOG.targets[target].stack.caches)
    vllm = compose(target)["services"]["vllm"]
    assert "cache:/cache" in vllm["volumes"]
    assert compose(target)["volumes"]["cache"] == {"name": "gfxpack-cache"}


def test_keys_are_a_file_that_only_the_proxy_reads() -> None:
    stack = compose("cpu", OPTIONS["keys"])
    proxy = stack["services"]["proxy"]
    assert "--keys=/run/secrets/api_keys" in proxy["command"]
    assert proxy["secrets"] == ["ca", "api_keys"]
    assert proxy["labels"] == {"gfxpack.keys": "1795"}
    assert stack["secrets"]["api_keys"] == {"file": "/etc/keys"}
    others = [each.get("secrets", []) for name, each in stack["services"].items() if name != "proxy"]
    assert not any("api_keys" in each for each in others)


def test_whoever_has_a_key_may_call_it_by_any_name() -> None:
    """A page that had its name changed has none; without keys the names are what keeps it out."""
    assert not any(
        "--hosts" in argument for argument in compose("cpu", OPTIONS["keys"])["services"]["proxy"]["command"]
    )
    assert "--hosts=localhost,proxy" in compose("cpu")["services"]["proxy"]["command"]


def test_an_address_of_ipv6() -> None:
    stack = compose("cpu", StackOptions(address="::", keys=KeysFile(Path("/etc/keys"), "1")))
    assert stack["services"]["proxy"]["ports"] == ["[::]:11434:11434"]
