from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

# (height, width) of the clips, small enough to be painted in milliseconds.
SIZE = 48, 64


def scene(i, size=SIZE):
    """Frame i, (H, W, 3) of uint8: areas of few colours, and a bright square that moves by two pixels a frame."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    frame = np.stack([x * 3 % 256, y * 4 % 256, np.full_like(x, 90)], -1).astype(np.uint8)
    left = 4 + 2 * i % (width - 20)
    frame[16:28, left : left + 12] = 230, 200, 60
    return frame


@dataclass
class Options:
    """How a clip is written; see `write_clip`."""

    codec: str = "libx264"
    pixels: str = "yuv420p"
    rate: Fraction = Fraction(25)
    # Times in units of 1 / 12800 s; by default evenly.
    times: list[int] | None = None
    sound: str | None = None
    rotation: int = 0
    context: dict = field(default_factory=dict)
    options: dict = field(default_factory=lambda: {"crf": "4"})
    metadata: dict = field(default_factory=dict)
    chapters: list = field(default_factory=list)


def write_clip(path, frames, **options) -> Path:
    """Write frames, each (H, W, 3) of uint8 or an `av.VideoFrame`, to a video file."""
    how = Options(**options)
    with av.open(str(path), "w") as container:
        container.metadata.update(how.metadata)
        stream = container.add_stream(how.codec, rate=how.rate, options=how.options)
        first = frames[0]
        height, width = first.shape[:2] if isinstance(first, np.ndarray) else (first.height, first.width)
        stream.width, stream.height, stream.pix_fmt = width, height, how.pixels
        stream.codec_context.time_base = stream.time_base = Fraction(1, 12800)
        for name, value in how.context.items():
            setattr(stream.codec_context, name, value)
        if how.rotation:
            stream.set_display_rotation(how.rotation)
        container.set_chapters(how.chapters)
        sound = container.add_stream(how.sound, rate=48000, layout="mono") if how.sound else None
        step = int(12800 / how.rate)
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame) if isinstance(frame, np.ndarray) else frame
            picture.pts = how.times[i] if how.times else i * step
            picture.time_base = Fraction(1, 12800)
            picture.duration = step
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        if sound:
            hear(container, sound, len(frames) / how.rate)
    return Path(path)


def hear(container, stream, seconds):
    """A tone of 440 Hz."""
    time = np.arange(int(48000 * seconds)) / 48000
    wave = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)[None]
    resampler = av.AudioResampler(
        stream.codec_context.format, "mono", 48000, stream.codec_context.frame_size or None
    )
    frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    for part in [*resampler.resample(frame), *resampler.resample(None), None]:
        container.mux(stream.encode(part))


def decoded(path):
    """(times in seconds, frames (N, H, W, 3) of uint8) of a video file."""
    with av.open(str(path)) as container:
        found = [
            (frame.pts * frame.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]
    return [time for time, _ in found], np.stack([pixels for _, pixels in found])


def packets(path, kind="audio"):
    """The bytes of each packet of sound (or of another kind), with its time in seconds."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


@pytest.fixture
def clip(tmp_path) -> Path:
    """A second of video at 25 frames a second, with sound."""
    return write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(25)], sound="aac")
