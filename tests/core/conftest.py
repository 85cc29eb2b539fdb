"""Each instruction set that this processor has, and random arrays."""

import numpy as np
import pytest

from artlives.core import instruction_sets

SETS = instruction_sets()


@pytest.fixture(params=list(SETS) or [pytest.param("none", marks=pytest.mark.skip("the core was not built"))])
def instructions(request):
    return SETS[request.param]


@pytest.fixture
def draw():
    generator = np.random.default_rng(0)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)
