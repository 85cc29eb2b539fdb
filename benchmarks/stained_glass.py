"""A painting that nobody painted, to train on where no other is at hand: panes of coloured glass between dark leads.

python -m benchmarks.stained_glass FILE
"""

import argparse

import numpy as np
from PIL import Image, ImageFilter

SIDE, PANES = 768, 260  # pixels; how many
LEAD, LEAD_WIDTH = (22, 20, 26), 5.0  # colour; pixels
COLOURS = [
    (24, 62, 140),
    (36, 110, 168),
    (196, 40, 44),
    (226, 150, 36),
    (240, 206, 96),
    (30, 118, 84),
    (122, 44, 110),
]


def stained_glass(seed: int = 0) -> Image.Image:
    """Voronoi cells, denser towards one corner; each has its colour, a gradient and streaks of its own direction."""
    generator = np.random.default_rng(seed)
    centres = generator.random((PANES, 2)) ** (1.6, 1.2) * SIDE
    rows, columns = np.mgrid[:SIDE, :SIDE]
    bent = np.stack(
        [rows + 6 * np.sin(columns / 37), columns + 6 * np.sin(rows / 29)], 2
    )  # leads are never straight
    distances = np.linalg.norm(bent[:, :, None] - centres, axis=3).astype(np.float32)
    nearest = distances.argmin(2)
    first, second = np.moveaxis(np.partition(distances, 1, 2)[:, :, :2], 2, 0)

    angle = generator.uniform(0, np.pi, PANES)[nearest]
    along = bent[:, :, 0] * np.cos(angle) + bent[:, :, 1] * np.sin(angle)
    streaks = np.sin(along / generator.uniform(2, 5, PANES)[nearest])
    light = 1 + 0.10 * streaks + 0.25 * np.sin(first / 14) + generator.normal(0, 0.15, PANES)[nearest]
    colours = np.array(COLOURS)[generator.choice(len(COLOURS), PANES, p=np.arange(7, 0, -1) / 28)]
    pixels = colours[nearest] * light[:, :, None] + generator.normal(0, 5, (SIDE, SIDE, 1))
    lead = np.clip(LEAD_WIDTH - (second - first), 0, 1)[:, :, None]
    pixels = pixels * (1 - lead) + np.array(LEAD) * lead
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a painting of stained glass.")
    parser.add_argument("file")
    stained_glass().save(parser.parse_args().file)


if __name__ == "__main__":
    main()
