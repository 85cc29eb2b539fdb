"""The perceptual network without training and the painting of training's tests; few iterations from noise."""

import pytest

from artlives.explanation import reconstruction
from tests.training.conftest import painting, perceptual, perceptual_file

__all__ = ["painting", "perceptual", "perceptual_file"]


@pytest.fixture
def few_iterations(monkeypatch):
    monkeypatch.setattr(reconstruction, "STEPS", 2)
    monkeypatch.setattr(reconstruction, "LOOK", 2)
