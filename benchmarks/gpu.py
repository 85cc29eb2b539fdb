"""artlives on an NVIDIA GPU: the network alone beside torch's, whole pictures, a study, and training steps.

    python -m benchmarks.gpu [--style wave] [--rounds 5] [--photos FOLDER]

The network alone is timed by CUDA events, on bytes that lie on the GPU, beside the same network of torch's operations
in fp16 and channels-last memory, launched one by one and by torch.compile; they alternate. Pictures are timed from
array to array: one pass without grain, and coarse to fine with grain, as artlives paints by default. Prints medians,
and medians of the rounds' ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from artlives import Stylizer, images, styles
from artlives.benchmark import Job, alternating, ratio, torch_blocks
from artlives.engines.torch import load
from artlives.engines.triton import TritonPainter
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.recipe import Recipe
from artlives.training.study import Study
from artlives.training.trainer import Trainer

# (width, height) in pixels.
SIZES = ((512, 512), (1024, 1024), (3840, 2160), (7680, 4320))
# torch.compile takes half a minute for a size.
COMPILED = (3840, 2160)
PHOTOS = Path(__file__).parent.parent / "images"
PAINTING = PHOTOS / "coffee.jpg"
# Calls of the network alone that one round's time is the median of.
CALLS = 30
FIRST = """
import sys, time
import numpy as np, torch
from artlives import Stylizer
started = time.perf_counter()
Stylizer(sys.argv[1], device="cuda")(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8))
print(f"{time.perf_counter() - started:.1f}")
"""


def milliseconds(job: Job) -> float:
    """The median time of a call on the GPU."""
    marks = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(CALLS)]
    for start, end in marks:
        start.record()
        job()
        end.record()
    torch.cuda.synchronize()
    times: list[float] = [start.elapsed_time(end) for start, end in marks]
    return statistics.median(times)


def beside(jobs: dict[str, Job], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each job in each round, which alternate; the first time, kernels are compiled."""
    for job in jobs.values():
        for _ in range(3):
            job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            times[name].append(milliseconds(job))
    return times


def picture(width: int, height: int) -> np.ndarray:
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        return np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def networks(style: styles.Style, rounds: int) -> None:
    torch.backends.cudnn.benchmark = True
    painter = TritonPainter(style.steps, styles.load_weights(style))
    network = load(style, "cuda", torch_blocks()).half().to(memory_format=torch.channels_last)

    def by_torch(x: Tensor) -> Tensor:
        painting: Tensor = network(x.half().contiguous(memory_format=torch.channels_last))
        return painting.clamp(0, 255).round().to(torch.uint8)

    compiled = torch.compile(by_torch, dynamic=False)
    whole = Stylizer(style, device="cuda")
    alone = whole.variant(grain=0.0, one_pass=True)
    for width, height in SIZES:
        pixels = picture(width, height)
        x = torch.from_numpy(pixels).cuda().permute(2, 0, 1)[None]
        jobs: dict[str, Job] = {"artlives": partial(painter.paint_tensor, x), "torch": partial(by_torch, x)}
        if (width, height) == COMPILED:
            jobs["torch.compile"] = partial(compiled, x)
        with torch.inference_mode():
            times = beside(jobs, rounds)
        print(f"\n{width} x {height}, one pass of the network alone")
        for name, found in times.items():
            print(
                f"{name:14} {statistics.median(found):8.2f} ms   ours to theirs {ratio(times['artlives'], found):.3f}"
            )
        arrays = alternating({"one pass": partial(alone, pixels), "painting": partial(whole, pixels)}, rounds)
        for name, seconds in arrays.items():
            print(f"{name:14} {1e3 * statistics.median(seconds):8.2f} ms   array in, array out")


def training(folder: Path, rounds: int) -> None:
    painting = np.asarray(images.on_white(images.load(PAINTING)))
    for name in ("first study", "study"):
        print(f"\n{name:14} {seconds_of(partial(study, painting)):8.2f} s")
    recipe = Recipe(steps=100 + 20 * rounds, batch_size=8)
    ends: list[float] = []
    trainer = Trainer([painting], Photos(folder), recipe, Perceptual(device="cuda"), None, "cuda")
    trainer.run(lambda progress: ends.append(time.perf_counter()))
    # The first ones wait for kernels and photos.
    steps = np.diff(ends)[100:]
    print(f"{'training':14} {1 / steps.mean():8.1f} steps a second of 8 crops of 256 pixels")


def study(painting: np.ndarray) -> None:
    Study(painting, device="cuda").run(lambda step: None)
    torch.cuda.synchronize()


def seconds_of(job: Callable[[], None]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", default="wave")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--photos", type=Path, default=PHOTOS, help="folder to train on; by default, the sample photos"
    )
    args = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "again"):
            environment = os.environ | {"TRITON_CACHE_DIR": cache}
            command = [sys.executable, "-c", FIRST, args.style]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            print(f"first picture, {name}: {done.stdout.strip()} s after importing torch")
    networks(styles.find(args.style), args.rounds)
    training(args.photos, args.rounds)


if __name__ == "__main__":
    main()
