"""What the proxy costs, beside nginx, LiteLLM's proxy and no proxy at all."""
