"""A whole tree in one pass: what is in it, who works on it, what was done to it, and who is told."""
