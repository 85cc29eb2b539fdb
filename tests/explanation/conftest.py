"""The perceptual network without training and the painting of training's tests."""

from tests.training.conftest import painting, perceptual, perceptual_file

__all__ = ["painting", "perceptual", "perceptual_file"]
