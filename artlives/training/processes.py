"""Several processes that train one style together, as `torchrun` starts them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed

from artlives.errors import ArtlivesError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """How many processes there are, and which of them this is; `rank` 0 alone writes files."""

    rank: int = 0
    count: int = 1

    def share(self, total: int) -> slice:
        """Which of `total` samples are this process's: every `count`-th one."""
        return slice(self.rank, total, self.count)

    def sum(self, values: Tensor) -> Tensor:
        """`values`, the same shape in every process, added up over all of them."""
        if self.count > 1:
            values = values.clone()
            distributed.all_reduce(values)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, in all of them; the others wait for it."""
        made = [make() if self.rank == 0 else None]
        if self.count > 1:
            distributed.broadcast_object_list(made)
        (found,) = made
        return cast(T, found)


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """The processes that torchrun started together with this one, and this one's device; else this one alone.

    They speak NCCL on GPUs, of which each takes one, and gloo on CPUs.

    Raises:
        ArtlivesError: `device` is one that processes cannot share their work on.
    """
    count = int(os.environ.get("WORLD_SIZE", 1))
    if count == 1:
        yield Processes(), device
        return
    if device.type not in ("cpu", "cuda"):
        raise ArtlivesError(f"several processes cannot train on {device.type}: give --device cpu or cuda")
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count), device
    finally:
        distributed.destroy_process_group()
