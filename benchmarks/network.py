"""How long the style network takes with our blocks and with torch's, alternating in one process.

    python -m benchmarks.network [--size 512] [--threads 2] [--rounds 15] [--train]

Both have the same weights, in channels-last memory and fp32, under `inference_mode`; `--train` measures forward and
backward on a batch of four instead. Prints the medians and the median of each round's ratio.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from artlives.network import StyleNetwork
from benchmarks.reference import torch_blocks


def seconds(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Our style network beside the same one of torch's modules.")
    parser.add_argument("--size", type=int, default=512, help="the picture's side in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--train", action="store_true", help="forward and backward on a batch of four")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    ours = StyleNetwork().to(memory_format=torch.channels_last)
    with torch_blocks():
        theirs = StyleNetwork().to(memory_format=torch.channels_last)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(4 if options.train else 1, 3, options.size, options.size) * 255
    x = x.contiguous(memory_format=torch.channels_last)

    def run(network: StyleNetwork) -> None:
        if options.train:
            network(x).square().mean().backward()
        else:
            with torch.inference_mode():
                network(x)

    def run_theirs() -> None:
        with torch_blocks():
            run(theirs)

    times: list[tuple[float, float]] = []
    for _ in range(options.rounds + 2):
        times.append((seconds(lambda: run(ours)), seconds(run_theirs)))
    times = times[2:]  # the first rounds fill caches
    our_median, their_median = (statistics.median(column) * 1000 for column in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    what = "forward and backward, batch of 4" if options.train else "inference"
    print(
        f"{what}, {options.size} x {options.size}, fp32, {options.threads} threads, torch {torch.__version__}"
    )
    print(f"our blocks    {our_median:8.1f} ms")
    print(f"torch's       {their_median:8.1f} ms")
    print(
        f"ratio         {ratio:8.2f}   (median of {options.rounds} rounds, alternating; below 1 ours is faster)"
    )


if __name__ == "__main__":
    main()
