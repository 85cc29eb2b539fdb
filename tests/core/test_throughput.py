"""How fast each instruction set multiplies at most."""

import pytest

from artlives import core
from artlives.core import throughput

SETS = core.instruction_sets() | core.bf16_instruction_sets()


@pytest.mark.parametrize("name", SETS)
def test_every_set_multiplies(name, monkeypatch):
    monkeypatch.setattr(throughput, "REPETITIONS", 10)
    monkeypatch.setattr(throughput, "ROUNDS", 1)
    # Any processor does a thousand times as many.
    assert throughput.peak(SETS[name], 2) > 1e6
