"""Pure functions between Ollama's messages and OpenAI's: no sockets, no files, no clock of their own."""
