"""Frames -> segments of a video, each a file of its own, whose times begin at 0; by FFmpeg through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from artlives import images
from artlives.errors import ArtlivesError
from artlives.video.frame import Clip, Frame
from artlives.video.reading import EXACTLY, MATRICES


@dataclass(frozen=True)
class Format:
    """A kind of video file that is written.

    Attributes:
        container: FFmpeg's name of it.
        codec: FFmpeg's name of the encoder.
        crf: the encoder's quality by default: smaller is better. Both look alike to what they encode.
        options: the encoder's.
        sound: the encoder of sound that the container cannot hold as it is.
    """

    container: str
    codec: str
    crf: int
    options: dict[str, str]
    sound: str


# Strokes take many bits: a slower preset saves a tenth of them, and takes as long as a third of the painting does.
X264 = {"preset": "veryfast"}
VP9 = {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"}
FORMATS = {
    ".mp4": Format("mp4", "libx264", 18, X264, "aac"),
    ".m4v": Format("mp4", "libx264", 18, X264, "aac"),
    ".mov": Format("mov", "libx264", 18, X264, "aac"),
    ".mkv": Format("matroska", "libx264", 18, X264, "aac"),
    ".webm": Format("webm", "libvpx-vp9", 28, VP9, "libopus"),
}


def format_of(path: str | Path) -> Format:
    """The format that a file of this name is written in.

    Raises:
        ArtlivesError: its ending is none of `FORMATS`.
    """
    try:
        return FORMATS[Path(path).suffix.lower()]
    except KeyError:
        endings = " ".join(FORMATS)
        raise ArtlivesError(
            f"{path} cannot be written: give it one of the endings {endings} .gif .webp .png"
        ) from None


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn FFmpeg's errors into a line for people."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise ArtlivesError(f"{path} cannot be written: {error.strerror or error}") from error


class Segment:
    """A file of encoded frames, without anything else.

    Args:
        path: of the file, which is written as MP4 whatever its name.
        clip: whose frames are painted.
        size: (height, width) of the painted frames. Where a side is odd, its last pixel is cut off: codecs halve the
            resolution of colour.
        format: of the video that the segment will be part of.
        crf: the encoder's quality.
        start: the time of the first frame, which becomes 0.

    Raises:
        ArtlivesError: it cannot be written; so do its methods.
    """

    def __init__(
        self, path: Path, clip: Clip, size: tuple[int, int], format: Format, crf: int, start: Fraction
    ) -> None:
        self.path, self.color, self.start, self.step = path, clip.color, start, clip.step
        self.height, self.width = (side // 2 * 2 for side in size)
        with writing(path):
            self.container = av.open(str(path), "w", format="mp4")
            options = {**format.options, "crf": str(crf)}
            stream = self.container.add_stream(format.codec, options=options)
            assert isinstance(stream, VideoStream)
            self.stream, context = stream, stream.codec_context
            context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
            context.framerate, context.time_base = clip.rate, clip.step
            self.stream.time_base = clip.step
            context.sample_aspect_ratio = clip.aspect
            context.color_range = ColorRange.JPEG if clip.color.full else ColorRange.MPEG
            context.colorspace = clip.color.matrix
            context.color_primaries, context.color_trc = clip.color.primaries, clip.color.transfer

    def write(self, frame: Frame) -> None:
        """Encode a frame, whose time is not before that of the one before."""
        whole = np.asarray(images.on_white(frame.photo))
        pixels = np.ascontiguousarray(whole[: self.height, : self.width])
        color = self.color
        encoded = VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format="yuv420p",
            src_colorspace=MATRICES.get(color.matrix, Colorspace.ITU709),
            dst_colorspace=MATRICES.get(color.matrix, Colorspace.ITU709),
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG if color.full else ColorRange.MPEG,
            interpolation=EXACTLY,
        )
        encoded.pts = round((frame.time - self.start) / self.step)
        encoded.time_base = self.step
        encoded.duration = round(frame.duration / self.step)
        with writing(self.path):
            self.container.mux(self.stream.encode(encoded))

    def close(self) -> None:
        """Encode what is left, and complete the file."""
        with writing(self.path):
            try:
                self.container.mux(self.stream.encode(None))
            finally:
                self.container.close()
