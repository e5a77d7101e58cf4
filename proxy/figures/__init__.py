"""The figures that operators see."""
