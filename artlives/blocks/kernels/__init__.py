"""How the blocks' convolutions are computed: which kernels, as matrix products, by Triton."""
