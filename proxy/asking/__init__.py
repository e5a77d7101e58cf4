"""What is asked of an engine and how: prompts, exchanges, tokens, vectors."""
