"""Channels are called after what they follow in the photo."""

import numpy as np
import pytest
import torch

from artlives.explanation.likeness import correlation, likeness, properties


@pytest.fixture(scope="module")
def photo():
    """A white square on blue in the upper left, and red noise below."""
    picture = torch.zeros(1, 3, 64, 96)
    picture[:, 2] = 120
    picture[:, :, 8:24, 10:40] = 250
    picture[:, 0, 40:] = torch.rand(24, 96, generator=torch.Generator().manual_seed(0)) * 255
    picture[:, 2, 40:] = 0
    return picture


@pytest.mark.parametrize(
    "name", ["where it is light", "where it is dark", "where it is blue", "at lower edges of what is light"]
)
def test_a_channel_that_is_a_property_has_its_name(photo, name):
    known = properties(photo, 32, 48)
    found = likeness(next(one.values for one in known if one.name == name) * 3 - 7, known)
    assert (found.name, found.correlation) == (name, pytest.approx(1, abs=1e-4))


def test_edges_have_sides(photo):
    maps = {name: values for name, values in properties(photo, 64, 96) if values.min() >= 0}
    left, right, upper, lower, corner = (
        maps[f"at {side} edges of what is light"]
        for side in ("left", "right", "upper", "lower", "upper left")
    )
    assert min(left[16, 10], right[16, 39], upper[8, 20], lower[23, 20], corner[8, 10]) > 50
    assert max(left[16, 39], right[16, 10], upper[23, 20], lower[8, 20], corner[23, 39]) == 0


def test_what_follows_nothing_has_no_name(photo):
    noise = torch.rand(32, 48, generator=torch.Generator().manual_seed(1))
    assert likeness(noise, properties(photo, 32, 48)) is None
    assert likeness(torch.ones(32, 48), properties(photo, 32, 48)) is None


def test_correlation():
    a, b = np.random.default_rng(0).normal(size=(2, 50))
    found = correlation(torch.tensor(a), torch.tensor(a + b))
    assert found == pytest.approx(np.corrcoef(a, a + b)[0, 1], abs=1e-5)
