"""Would turn Triton's code into the chip's."""
