"""Bodies of requests, read by the rules of Go's decoder, which are Ollama's."""
