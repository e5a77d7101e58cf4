"""The gateway: Ollama's and OpenAI's API in front of an inference engine."""

# The Ollama version whose API this proxy speaks. Clients parse it as numbers and compare it.
API_VERSION = "0.35.0"
