"""CUDA graphs: what is painted for a size of pictures that comes again, recorded once and launched together."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

import torch
from torch import Tensor

# Shapes of pictures whose graphs are kept, the latest ones.
GRAPHS = 4
# Pixels of a batch, all pictures together, up to which a graph is recorded: beyond, the time of launching kernels is
# small beside theirs.
LARGEST_GRAPH = 1 << 23

Paint = Callable[[Tensor], Tensor]


class Graphs:
    """Paints on a GPU, by a graph from the second time on that pictures of a shape come.

    Graphs take memory that pictures may need: where it lacks, they are given up. Any number of threads may call it.

    Args:
        paint: (N, 3, H, W) on a CUDA device to the same, without waiting for the device.
    """

    def __init__(self, paint: Paint) -> None:
        self.paint = paint
        # None for a shape that came once.
        self.graphs: OrderedDict[Any, Graph | None] = OrderedDict()
        self.largest = LARGEST_GRAPH
        self.lock = Lock()

    def __call__(self, x: Tensor) -> Tensor:
        """What `paint` makes of x (N, 3, H, W), which is on its device.

        Raises:
            torch.OutOfMemoryError: as `paint` does, with all memory but that of its weights.
        """
        pixels = x[:, 0].numel()
        try:
            return self._recorded(x) if pixels <= self.largest else self.paint(x)
        except torch.OutOfMemoryError:
            with self.lock:
                self.graphs.clear()
                # One of this size would lack memory each time.
                self.largest = min(self.largest, pixels - 1)
        # Here, since the exception holds on to what was painted so far.
        return self.paint(x)

    def _recorded(self, x: Tensor) -> Tensor:
        key = x.shape, x.dtype
        with self.lock:
            if key not in self.graphs:
                self.graphs[key] = None
                painting = self.paint(x)
            else:
                painting = self._graph(x)(x)
            self.graphs.move_to_end(key)
            while len(self.graphs) > GRAPHS:
                self.graphs.popitem(last=False)
        return painting

    def _graph(self, x: Tensor) -> "Graph":
        key = x.shape, x.dtype
        graph = self.graphs[key]
        if graph is None:
            # They are launched one after the other, so that the memory of one serves them all.
            pool = next((other.pool for other in self.graphs.values() if other), None)
            graph = self.graphs[key] = Graph(self.paint, x, pool)
        return graph


class Graph:
    """The kernels of one shape of pictures.

    Args:
        paint: what is recorded; it was called with such pictures before, so that its kernels are compiled.
        x: pictures of that shape and dtype.
        pool: of another graph, whose memory it takes; None for its own.
    """

    def __init__(self, paint: Paint, x: Tensor, pool: Any) -> None:
        self.x = x.clone()
        self.graph = torch.cuda.CUDAGraph()
        with (
            torch.cuda.device(x.device),
            torch.cuda.graph(self.graph, pool=pool, capture_error_mode="thread_local"),
        ):
            self.painting = paint(self.x)

    @property
    def pool(self) -> Any:
        """The pool of its memory, by torch's number of it."""
        return self.graph.pool()

    def __call__(self, x: Tensor) -> Tensor:
        """What `paint` makes of x, in memory of its own."""
        self.x.copy_(x)
        self.graph.replay()
        return self.painting.clone()
