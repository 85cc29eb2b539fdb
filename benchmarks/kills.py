"""Kill a training again and again, at random moments, and see whether it goes on as if nothing had been.

    python -m benchmarks.kills PAINTING PHOTOS [--perceptual FILE] [--kills 50]

Trains with small crops and writes a checkpoint after every step, so that many kills (SIGKILL) hit one being written.
After each, the checkpoint has to be readable and no older than before, and the next process goes on from it. In the
end, a training that nobody disturbed has to come to the very same weights. Needs os.fork: Linux or macOS.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from artlives.training import trainer as module
from artlives.training.perceptual import Perceptual
from artlives.training.photos import Photos
from artlives.training.recipe import Recipe
from artlives.training.signals import Interrupted
from artlives.training.trainer import Progress, Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill a training at random moments; it has to go on.")
    parser.add_argument("painting", type=Path)
    parser.add_argument("photos", type=Path, help="folder of photos")
    parser.add_argument("--perceptual", type=Path, help="VGG-19's weights, as for `artlives train`")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=2.0, help="the longest life of a process")
    options = parser.parse_args()
    module.CHECKPOINT_EVERY = 1
    # A process that forks must not have started threads.
    torch.set_num_threads(1)
    perceptual, photos = Perceptual(options.perceptual), Photos(options.photos)
    recipe = Recipe(steps=100_000, size=64, batch_size=1, style_size=128)
    moments = random.Random(0)

    with tempfile.TemporaryDirectory() as folder:

        def trainer(name: str) -> Trainer:
            return Trainer(options.painting, photos, recipe, perceptual, Path(folder) / name)

        def step() -> int:
            """The step of the killed training's checkpoint, 0 before there is one; fails if it cannot be read."""
            watched = trainer("killed")
            if watched.checkpoint.exists():
                watched.resume()
            return watched.step

        reached = [0]
        # Kills while a file was being written.
        hit = 0
        for _ in range(options.kills):
            train_and_kill(partial(trainer, "killed"), moments.uniform(0, options.seconds))
            hit += any((Path(folder) / "killed").glob(".artlives-*"))
            reached.append(step())
            if reached[-1] < reached[-2]:
                raise SystemExit(f"the checkpoint fell back from step {reached[-2]} to {reached[-1]}")

        def stop(progress: Progress) -> None:
            if progress.step == reached[-1]:
                signal.raise_signal(signal.SIGTERM)

        killed, undisturbed = trainer("killed"), trainer("undisturbed")
        if reached[-1]:
            killed.resume()
            with suppress(Interrupted):
                undisturbed.run(stop)
        weights = zip(killed.network.parameters(), undisturbed.network.parameters(), strict=True)
        if not all(torch.equal(a, b) for a, b in weights):
            raise SystemExit("the weights differ from those of an undisturbed training")
    print(
        f"{options.kills} of {options.kills} kills survived, {hit} of them while a file was being written; the "
        f"weights of step {reached[-1]} are those of an undisturbed training"
    )


def train_and_kill(trainer: Callable[[], Trainer], seconds: float) -> None:
    """Go on with the training in a process of its own, which is killed after so many seconds."""
    process = os.fork()
    if process == 0:
        try:
            going = trainer()
            if going.checkpoint.exists():
                going.resume()
            going.run(lambda progress: None)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(process, 0)[1]):
        raise SystemExit("a training failed before it was killed")


if __name__ == "__main__":
    main()
