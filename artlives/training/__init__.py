"""Training a style. Neither this package nor its `session` imports torch before a training begins."""

from artlives.training.session import Report, train
from artlives.training.signals import Interrupted

__all__ = ["Interrupted", "Report", "train"]
