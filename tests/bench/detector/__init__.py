"""How fast the detector runs, beside PyTorch and beside the multiplications that the machine is capable of."""
