"""The supervisor inside engine containers: checks first, then one engine and its whole process group."""
