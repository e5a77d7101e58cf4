"""The engines by name: how each is called, what it needs before it starts, and its environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runner.preflight import MIB, check_kv_cache, check_model, check_shared_memory, check_weights
from runner.resources import allowed_cpus, cpu_quota

VLLM_SHARED_MEMORY = 160 * MIB
KV_CACHE_SPACE = "VLLM_CPU_KVCACHE_SPACE"
KV_CACHE_OPTION = "--kv-cache-memory-bytes"
GGUF = "LLAMA_ARG_MODEL"
ELSEWHERE = (
    "--models-dir",
    "--models-preset",
    "-hf",
    "-hfr",
    "--hf-repo",
    "-mu",
    "--model-url",
    "-dr",
    "--docker-repo",
)
"""Options of llama-server that say where it finds its models by itself."""
THREAD_BINDING = "VLLM_CPU_OMP_THREADS_BIND"
SEVERAL_WORKERS = (
    "-tp", "--tensor-parallel-size", "-pp", "--pipeline-parallel-size", "-dp", "--data-parallel-size",
)  # fmt: skip


@dataclass(frozen=True)
class Invocation:
    """One start: the image's flags, the person's arguments, and the environment they came in."""

    fixed: tuple[str, ...]
    given: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Engine:
    check: Callable[[Invocation], None]
    command: Callable[[Invocation], list[str]]
    environment: Callable[[Invocation], dict[str, str]]


def option(arguments: tuple[str, ...], *names: str) -> str | None:
    """The value of the first of these options, as `--name value` or `--name=value`."""
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[position + 1 :]), None)
    return None


def _vllm_model(invocation: Invocation) -> str | None:
    given = invocation.given
    leading = given[0] if given and not given[0].startswith("-") else None
    return leading or option(given, "--model")


def _check_vllm(invocation: Invocation) -> None:
    model = _vllm_model(invocation)
    if option(invocation.given, "--config") is None:
        check_model(model, invocation.environment)
    check_shared_memory(VLLM_SHARED_MEMORY)
    space = _vllm_environment(invocation).get(KV_CACHE_SPACE)
    if space:
        check_kv_cache(model, space)


def _vllm_command(invocation: Invocation) -> list[str]:
    """vLLM wants the model in front; what the person says comes last, so that it wins over the image."""
    given = invocation.given
    leading = given[:1] if given and not given[0].startswith("-") else ()
    return ["vllm", "serve", *leading, *invocation.fixed, *given[len(leading) :]]


def _vllm_environment(invocation: Invocation) -> dict[str, str]:
    environment = {**_threads(invocation), **invocation.environment}
    if option(invocation.given, KV_CACHE_OPTION) is not None:
        environment.pop(KV_CACHE_SPACE, None)
    return environment


def _threads(invocation: Invocation) -> Mapping[str, str]:
    """Every processor that the container may use: vLLM by itself leaves one of them idle.

    Under a quota no thread is bound, because other containers may sit on the same processors. With several
    workers vLLM parts the processors itself.
    """
    if option(invocation.given, *SEVERAL_WORKERS) is not None:
        return {}
    cpus, quota = allowed_cpus(), cpu_quota()
    if quota is not None and quota < len(cpus):
        return {THREAD_BINDING: "nobind", "OMP_NUM_THREADS": str(quota)}
    return {THREAD_BINDING: ",".join(map(str, cpus))}


def _check_infinity(invocation: Invocation) -> None:
    check_model(option(invocation.given, "--model-id"), invocation.environment)


def _infinity_command(invocation: Invocation) -> list[str]:
    return ["infinity_emb", "v2", *invocation.fixed, *invocation.given]


def _infinity_environment(invocation: Invocation) -> dict[str, str]:
    quota = cpu_quota()
    threads = {"OMP_NUM_THREADS": str(quota)} if quota is not None else {}
    return {**threads, **invocation.environment}


def _check_llamacpp(invocation: Invocation) -> None:
    if option(invocation.given, *ELSEWHERE) is None:
        check_weights(option(invocation.given, "--model", "-m") or invocation.environment.get(GGUF))


def _llamacpp_command(invocation: Invocation) -> list[str]:
    return ["llama-server", *invocation.fixed, *invocation.given]


def _llamacpp_environment(invocation: Invocation) -> dict[str, str]:
    """It counts the processors that it may use, and knows nothing of a quota."""
    quota = cpu_quota()
    threads = {"LLAMA_ARG_THREADS": str(quota)} if quota is not None else {}
    return {**threads, **invocation.environment}


ENGINES = {
    "vllm": Engine(_check_vllm, _vllm_command, _vllm_environment),
    "infinity": Engine(_check_infinity, _infinity_command, _infinity_environment),
    "llamacpp": Engine(_check_llamacpp, _llamacpp_command, _llamacpp_environment),
}
