"""From the engine's stream to Ollama's records."""
