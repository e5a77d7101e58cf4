"""What the pruner promises, measured and proven on libraries as they are published."""
