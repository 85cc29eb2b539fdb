"""A training step on CUDA as one launch: its two thousand kernels take the CPU longer to launch than the GPU to run."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from artlives.training.losses import Overlap


class Inputs(NamedTuple):
    """What a process's part of a step is computed from, on its device.

    Attributes:
        crops: whose content is wanted, fp32 (n, 3, size, size) in 0..255.
        windows: what is painted, fp32 (n + again, 3, size, size): the crops with grain, then second windows onto the
            first ones of them, with noise.
        overlap: of the two windows.
        shares: of all processes' crops, and of all their second windows, those that are here.
    """

    crops: Tensor
    windows: Tensor
    overlap: Overlap
    shares: tuple[float, float]

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them."""
        return self.crops, self.windows, *self.overlap


class Recorded:
    """Computes losses and gradients, by a CUDA graph from the second time on that inputs of these shapes come.

    The gradients lie in the graph's memory: a replay writes them anew.

    Args:
        compute: losses of inputs; it leaves the gradients in the parameters, which have none before. It does not wait
            for the device.
    """

    def __init__(self, compute: Callable[[Inputs], Tensor]) -> None:
        self.compute = compute
        self.shapes: list[torch.Size] = []
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, inputs: Inputs) -> Tensor:
        """The losses, in memory of their own.

        Raises:
            torch.OutOfMemoryError: as `compute` does.
        """
        shapes = [x.shape for x in inputs.tensors()]
        if shapes != self.shapes:
            self.graph = None
            losses = self.compute(inputs)
            # From now on, all kernels are compiled.
            self.shapes = shapes
            return losses
        if self.graph is None:
            self._record(inputs)
        assert self.graph is not None
        for own, new in zip(self.inputs.tensors(), inputs.tensors(), strict=True):
            own.copy_(new)
        self.graph.replay()
        return self.losses.clone()

    def _record(self, inputs: Inputs) -> None:
        crops, windows, *overlap = (x.clone() for x in inputs.tensors())
        self.inputs = Inputs(crops, windows, Overlap(*overlap), inputs.shares)
        graph = torch.cuda.CUDAGraph()
        # Other threads load photos meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self.losses = self.compute(self.inputs)
        self.graph = graph
