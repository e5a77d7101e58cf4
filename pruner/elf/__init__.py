"""ELF surgery: read -> plan -> write -> verify, each its own module."""
