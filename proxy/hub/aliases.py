"""Names of Ollama's library, and the repositories with the same weights as their makers publish them.

Only those whose makers publish safetensors. The weights are the whole ones, where Ollama's are quantized to
four bits. Some need an account that has accepted their licence; the hub says so."""

from collections.abc import Mapping

_QWEN3 = {size: f"Qwen/Qwen3-{size.upper()}" for size in ("0.6b", "1.7b", "4b", "8b", "14b", "32b")}
_QWEN25 = {
    size: f"Qwen/Qwen2.5-{size.upper()}-Instruct"
    for size in ("0.5b", "1.5b", "3b", "7b", "14b", "32b", "72b")
}
_CODER = {
    size: f"Qwen/Qwen2.5-Coder-{size.upper()}-Instruct" for size in ("0.5b", "1.5b", "3b", "7b", "14b", "32b")
}
_SMOLLM2 = {size: f"HuggingFaceTB/SmolLM2-{size.upper()}-Instruct" for size in ("135m", "360m", "1.7b")}
_LLAMA32 = {size: f"meta-llama/Llama-3.2-{size.upper()}-Instruct" for size in ("1b", "3b")}
_GEMMA3 = {size: f"google/gemma-3-{size}-it" for size in ("270m", "1b", "4b", "12b", "27b")}
_R1 = {
    "1.5b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    "7b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "8b": "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B",
    "14b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
    "32b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
    "70b": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
}
_GPT_OSS = {size: f"openai/gpt-oss-{size}" for size in ("20b", "120b")}
_GRANITE = {size: f"ibm-granite/granite-3.3-{size}-instruct" for size in ("2b", "8b")}
_MINILM = {
    "22m": "sentence-transformers/all-MiniLM-L6-v2",
    "33m": "sentence-transformers/all-MiniLM-L12-v2",
    "l6-v2": "sentence-transformers/all-MiniLM-L6-v2",
}


def _with_latest(by_tag: Mapping[str, str], latest: str) -> Mapping[str, str]:
    return {**by_tag, "latest": by_tag[latest]}


def _alone(repository: str, tag: str) -> Mapping[str, str]:
    return {"latest": repository, tag: repository}


REPOSITORIES: Mapping[str, Mapping[str, str]] = {
    "all-minilm": _with_latest(_MINILM, "22m"),
    "deepseek-r1": _with_latest(_R1, "8b"),
    "gemma3": _with_latest(_GEMMA3, "4b"),
    "gpt-oss": _with_latest(_GPT_OSS, "20b"),
    "granite3.3": _with_latest(_GRANITE, "8b"),
    "llama3.1": _alone("meta-llama/Llama-3.1-8B-Instruct", "8b"),
    "llama3.2": _with_latest(_LLAMA32, "3b"),
    "llama3.3": _alone("meta-llama/Llama-3.3-70B-Instruct", "70b"),
    "mistral": _alone("mistralai/Mistral-7B-Instruct-v0.3", "7b"),
    "mxbai-embed-large": _alone("mixedbread-ai/mxbai-embed-large-v1", "335m"),
    "nomic-embed-text": _alone("nomic-ai/nomic-embed-text-v1.5", "v1.5"),
    "phi4": _alone("microsoft/phi-4", "14b"),
    "phi4-mini": _alone("microsoft/Phi-4-mini-instruct", "3.8b"),
    "qwen2.5": _with_latest(_QWEN25, "7b"),
    "qwen2.5-coder": _with_latest(_CODER, "7b"),
    "qwen3": _with_latest(_QWEN3, "8b"),
    "smollm2": _with_latest(_SMOLLM2, "1.7b"),
    "tinyllama": _alone("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "1.1b"),
}
