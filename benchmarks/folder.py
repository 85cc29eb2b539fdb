"""A folder of pictures of mixed sizes, some of them broken, through `artlives stylize`.

    python -m benchmarks.folder [--style wave] [--pictures 2000] [--broken 20] [--sides 160 320]

Every twentieth picture is four times as wide and high. Prints how many are painted and reported, pictures a second
beside those of the network alone (the same pictures, decoded before and not written), and whether a run that is killed
in the middle and started again ends with the same files. The folder holds ten copies of each picture, and the command's
peak memory stands beside that of ten runs with one copy: as many pictures, as many chances of a high peak. Needs a
POSIX system.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from artlives import Stylizer, images
from artlives.errors import ArtlivesError

SAMPLES = ("astronaut", "chelsea", "coffee")
SUFFIXES = (".jpg",) * 8 + (".png", ".webp")
LARGE_EVERY, COPIES = 20, 10  # pictures; of each


class Run(NamedTuple):
    """One run of the command: how long it took, its peak resident memory in MB, and the last line it wrote."""

    seconds: float
    memory: float
    summary: str


def make(folder: Path, count: int, broken: int, sides: tuple[int, int]) -> None:
    """Pictures cut from the sample photos; some of them are cut short, empty or text."""
    folder.mkdir()
    chance = random.Random(0)
    photos = [Image.open(f"images/{name}.jpg") for name in SAMPLES]
    wrong = set(chance.sample(range(count), broken))
    for i in range(count):
        scale = 4 if i % LARGE_EVERY == 0 else 1
        width, height = (scale * chance.randint(*sides) for _ in range(2))
        sample = chance.choice(photos)
        photo = sample.resize((scale * sample.width, scale * sample.height))
        x, y = (
            chance.randint(0, max(0, photo.width - width)),
            chance.randint(0, max(0, photo.height - height)),
        )
        path = folder / f"{i:05}{chance.choice(SUFFIXES)}"
        photo.crop((x, y, x + width, y + height)).save(path, quality=90)
        if i in wrong:
            path.write_bytes((path.read_bytes()[:2000], b"", b"no picture")[i % 3])


def copy(few: Path, folder: Path) -> None:
    """Copies of each picture, under names that keep their order."""
    folder.mkdir()
    for i in range(COPIES):
        for path in few.iterdir():
            shutil.copy(path, folder / f"{i}-{path.name}")


def stylize(photos: Path, output: Path, style: str, kill_after: int | None = None) -> Run:
    """Run the command, and kill it when that many pictures are painted."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-u",
        "-m",
        "artlives",
        "stylize",
        str(photos),
        "--style",
        style,
        "-o",
        str(output),
    ]
    command += ["--report", str(report_of(output))]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        for painted, _ in enumerate(process.stdout, 1):
            if painted == kill_after:
                process.kill()
                break
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.stdout.close()
        errors.seek(0)
        lines = errors.read().splitlines() or [""]
    return Run(seconds, usage.ru_maxrss / 1024, lines[-1])


def report_of(output: Path) -> Path:
    return output.with_suffix(".jsonl")


def contents(folder: Path) -> dict[str, str]:
    """Every file's digest, hidden files too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def network_alone(photos: Path, style: str) -> float:
    """Pictures a second."""
    pictures = []
    for path in photos.iterdir():
        try:
            pictures.append(images.load(path))
        except ArtlivesError:
            continue
    stylizer = Stylizer(style)
    stylizer(pictures[0])
    started = time.perf_counter()
    for picture in pictures:
        stylizer(picture)
    return len(pictures) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description="A whole folder through `artlives stylize`.")
    parser.add_argument("--style", default="wave")
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--broken", type=int, default=20)
    parser.add_argument("--sides", type=int, nargs=2, default=(160, 320), help="shortest and longest, pixels")
    options = parser.parse_args()
    count, broken = options.pictures, options.broken

    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        make(work / "few", count // COPIES, broken // COPIES, options.sides)
        copy(work / "few", work / "photos")
        alone = network_alone(work / "few", options.style)
        few = [stylize(work / "few", work / f"few-{i}", options.style).memory for i in range(COPIES)]
        whole = stylize(work / "photos", work / "out", options.style)
        again = network_alone(work / "few", options.style)
        reported = len(report_of(work / "out").read_text().splitlines())
        painted = contents(work / "out")
        print(f"{count} pictures, {broken} of them broken: {whole.summary}; {reported} in the report")
        speed = len(painted) / whole.seconds
        network = (alone + again) / 2
        print(
            f"the command       {speed:7.1f} pictures a second, from its start to its end ({whole.seconds:.0f} s)"
        )
        print(
            f"the network alone {network:7.1f} pictures a second ({alone:.1f} before and {again:.1f} after)"
        )
        print(f"ratio             {speed / network:7.2f}")
        print(f"peak memory       {whole.memory:7.0f} MB")
        print(f"... for {count // COPIES} pictures {min(few):5.0f} to {max(few):.0f} MB")

        stylize(work / "photos", work / "killed", options.style, kill_after=len(painted) // 2)
        left = contents(work / "killed")
        second = stylize(work / "photos", work / "killed", options.style)
        hidden = [name for name in left if name.startswith(".")]  # temporary names
        half_written = [name for name in left.keys() - hidden if left[name] != painted.get(name)]
        same = contents(work / "killed") == painted
        print(
            f"killed at {len(left)}, {len(half_written)} half-written, {len(hidden)} under a temporary name;"
        )
        print(f"then {second.summary};", end=" ")
        print("the same files" if same else "OTHER FILES")


if __name__ == "__main__":
    main()
