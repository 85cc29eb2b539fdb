"""The network by torch, on any device: where no engine that is quicker can be had."""

from __future__ import annotations

import torch
from torch import Tensor

from artlives import styles
from artlives.engines.network import OURS, Blocks, StyleNetwork
from artlives.engines.tensors import TensorPainter
from artlives.styles import Style


def load(style: Style, device: torch.device | str = "cpu", blocks: Blocks = OURS) -> StyleNetwork:
    """The network of a style with its weights in fp32, on `device`, in eval mode, built from `blocks`.

    Raises:
        ArtlivesError: if the file cannot be read, or its weights are not finite or do not fit its network.
    """
    weights = styles.load_weights(style)
    # The weights take the place of these: nothing is drawn or allocated.
    with torch.device("meta"):
        network = StyleNetwork(style.layers, even=False, blocks=blocks)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    return network.to(device).eval()


class TorchPainter(TensorPainter):
    """A painter by torch, in fp32.

    Args:
        style: whose network paints.
        device: where.

    Raises:
        ArtlivesError: as `load` does.
    """

    def __init__(self, style: Style, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.network = load(style, device)

    @torch.inference_mode()
    def paint_tensor(self, x: Tensor) -> Tensor:
        """See `tensors.TensorPainter`."""
        painting: Tensor = self.network(x if x.is_floating_point() else x.float())
        return painting if x.is_floating_point() else painting.clamp_(0, 255).round_().to(x.dtype)
