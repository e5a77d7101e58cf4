"""One command per claim, each with a figure beside its limit."""
