"""A hub of models that speaks Hugging Face's API: which of its files a model needs, and fetching them."""
