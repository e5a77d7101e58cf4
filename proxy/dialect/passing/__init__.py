"""What passes through in OpenAI's and Anthropic's words, and what of it must not."""
