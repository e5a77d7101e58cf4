"""Who may come in, and how many at once."""
