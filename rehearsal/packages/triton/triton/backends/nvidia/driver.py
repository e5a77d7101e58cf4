"""Would launch kernels."""
