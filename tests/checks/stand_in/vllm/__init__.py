"""As much of vLLM as the checks ask: it finds its GPU, parses arguments and reads variables as vLLM does."""
