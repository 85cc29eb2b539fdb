"""Arrays that begin with a cache line."""

import numpy as np
import pytest

from artlives.core import aligned, aligned_part


@pytest.mark.parametrize("size", [1, 15, 16, 1000])
def test_an_array_begins_with_a_cache_line_and_is_found_again(size):
    array = aligned(size)
    assert (array.shape, array.dtype) == ((size,), np.float32)
    assert array.ctypes.data % 64 == 0
    again = aligned_part(array[: size // 2].reshape(-1, 1).base)
    assert (again.ctypes.data, again.size) == (array.ctypes.data, size)


def test_its_content_is_no_number_under_test():
    assert np.isnan(aligned(1000)).all()
