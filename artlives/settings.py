"""What can be asked of a painting: the one set of settings for Python, the command, the page and Ray."""

from dataclasses import dataclass

from artlives.architecture import BRUSHES, MOST_GRAIN, SMALLEST

# What products are computed in: "auto" is bf16 on a CPU, or fp16 on a GPU, where that is much quicker, and else
# fp32.
PRECISIONS = ("auto", "fp32")


@dataclass(frozen=True)
class Settings:
    """How pictures are painted.

    Attributes:
        size: pixels of the longer side. A larger picture is reduced to it first and comes out at that size; a smaller
            one is painted as it is.
        brush: how large the strokes are, "finer", "default" or "broader"; the painting's size does not depend on it.
        one_pass: paint once, at the picture's own size, instead of coarse to fine (see `artlives.passes`): quicker,
            for previews and live pictures, with smaller strokes in large pictures and coarser faces in small ones.
        strength: 0 returns the picture as it was, 1 the painting; between them they are blended.
        keep_colors: take the luminance alone from the painting, hue and saturation from the picture.
        grain: grey levels of noise that a picture gets before it is painted (see `artlives.grain`); None: as many as
            the style was trained with.
        memory: bytes that the network may use on the CPU besides the pictures; what needs more is painted in strips.
            None: two thirds of the memory that is free, and strips for what would need over 505 MB.
        precision: "auto" multiplies in half precision (bf16, on a GPU fp16) where the processor is much quicker in it,
            and adds up in fp32. In one pass, a photo's painting differs from that of "fp32" by at most 3 of 255; coarse
            to fine, a few values in 100,000 differ by more.

    Raises:
        ValueError: if `size` is below 16, `brush` or `precision` is another, `strength` is not within 0 and 1,
            `grain` not within 0 and 20 or `memory` not above 0.
    """

    size: int | None = None
    brush: str = "default"
    one_pass: bool = False
    strength: float = 1.0
    keep_colors: bool = False
    grain: float | None = None
    memory: int | None = None
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.size is not None and not self.size >= SMALLEST:
            raise ValueError(f"size must be at least {SMALLEST} pixels, not {self.size}")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be within 0 and 1, not {self.strength}")
        if self.brush not in BRUSHES:
            raise ValueError(f"brush must be one of {', '.join(BRUSHES)}, not {self.brush!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}")
        if self.grain is not None and not 0 <= self.grain <= MOST_GRAIN:
            raise ValueError(f"grain must be within 0 and {MOST_GRAIN:g} grey levels, not {self.grain}")
        if self.memory is not None and not self.memory > 0:
            raise ValueError(f"memory must be some bytes, not {self.memory}")
