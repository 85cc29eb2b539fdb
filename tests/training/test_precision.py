"""What a GPU multiplies in, while a style is trained and after."""

import pytest
import torch

from artlives.training.precision import quick_products


def switches():
    switch = torch.backends.cuda.matmul
    name = "fp32_precision" if hasattr(switch, "fp32_precision") else "allow_tf32"
    return getattr(switch, name) in ("tf32", True), switch.allow_bf16_reduced_precision_reduction


@pytest.mark.parametrize(("device", "within"), [("cuda", (True, False)), ("cpu", (False, True))])
def test_it_is_quick_on_a_gpu_and_as_before_afterwards(device, within):
    before = switches()
    with quick_products(torch.device(device)):
        assert switches() == within
    assert switches() == before == (False, True)
    # The old name can be read where the new one was not set.
    assert torch.backends.cuda.matmul.allow_tf32 is False
