"""Arrays on their way to a device and back."""

import numpy as np
import pytest
import torch

from artlives.engines.tensors import in_memory, on_device


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_they_keep_their_values_and_share_no_memory(device, dtype):
    pixels = np.arange(5 * 7 * 3).reshape(5, 7, 3).astype(dtype)
    # Neither dense nor writable.
    given = pixels[:, 1:]
    given.flags.writeable = False
    expected = given.copy()
    x = on_device(given, device)
    assert x.device.type == device
    pixels[:] = 0
    back = in_memory(x.permute(1, 0, 2))
    assert back.dtype == dtype
    assert back.flags.c_contiguous
    assert np.array_equal(back.transpose(1, 0, 2), expected)
    if device == "cuda":
        assert torch.from_numpy(back).is_pinned()
