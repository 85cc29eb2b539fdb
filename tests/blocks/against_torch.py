"""What the blocks' tests share: they hold ours against torch's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from artlives.validation import TOLERANCES, Block, Case, measure

drawn = settings(
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def assert_agree(block: Block, case: Case, device: str = "cpu", dtypes=tuple(TOLERANCES)) -> None:
    """Outputs, running statistics and all gradients are within tolerance, in each dtype."""
    measured = {dtype: measure(block, case, dtype, device) for dtype in dtypes}
    wrong = {
        dtype: errors
        for dtype, errors in measured.items()
        if not (errors.forward <= TOLERANCES[dtype].forward and errors.gradient <= TOLERANCES[dtype].gradient)
    }
    assert not wrong


def assert_both_raise(
    ours: Callable, theirs: Callable, *arguments: Any, names: tuple = (), **options: Any
) -> None:
    """Both functions raise the same type, and our message has each of `names` in it."""
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever torch raises
        theirs(*arguments, **options)
    with pytest.raises(expected.type) as error:
        ours(*arguments, **options)
    assert error.type is expected.type
    assert all(str(name) in str(error.value) for name in names)


def memory_format(x: torch.Tensor) -> torch.memory_format | None:
    """The format in which `x` is dense; contiguous, where both fit."""
    formats = torch.contiguous_format, torch.channels_last
    return next((f for f in formats if x.is_contiguous(memory_format=f)), None)
