"""The compiled core on NumPy arrays: convolutions with what surrounds them, on the CPU.

It needs NumPy alone, and says by `instruction_sets` whether it was built.
"""

from artlives.core.abi import (
    BF16,
    Array,
    Instructions,
    best_instructions,
    bf16_instruction_sets,
    instruction_sets,
    tiles,
)
from artlives.core.gradient import weight_gradient
from artlives.core.memory import aligned, aligned_part
from artlives.core.mixing import mix
from artlives.core.normalization import Normalization, moments, normalize
from artlives.core.packing import (
    Kernel,
    block_edges,
    convolution,
    output_convolution,
    packed,
    to_bf16,
    transposed_convolution,
)
from artlives.core.threads import default_threads, set_team
from artlives.core.throughput import peak
from artlives.core.unit import Reading, materialize, padding_table, run

__all__ = [
    "BF16",
    "Array",
    "Instructions",
    "Kernel",
    "Normalization",
    "Reading",
    "aligned",
    "aligned_part",
    "best_instructions",
    "bf16_instruction_sets",
    "block_edges",
    "convolution",
    "default_threads",
    "instruction_sets",
    "materialize",
    "mix",
    "moments",
    "normalize",
    "output_convolution",
    "packed",
    "padding_table",
    "peak",
    "run",
    "set_team",
    "tiles",
    "to_bf16",
    "transposed_convolution",
    "weight_gradient",
]
