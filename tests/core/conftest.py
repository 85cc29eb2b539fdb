"""Each instruction set that this processor has, and random arrays."""

import numpy as np
import pytest

from artlives.core import bf16_instruction_sets, instruction_sets

SETS = instruction_sets()
BF16_SETS = bf16_instruction_sets()


@pytest.fixture(params=list(SETS) or [pytest.param("none", marks=pytest.mark.skip("the core was not built"))])
def instructions(request):
    return SETS[request.param]


@pytest.fixture(
    params=list(BF16_SETS) or [pytest.param("none", marks=pytest.mark.skip("no instructions for bf16"))]
)
def bf16_instructions(request):
    return BF16_SETS[request.param]


@pytest.fixture
def draw():
    generator = np.random.default_rng(0)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)
