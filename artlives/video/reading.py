"""Video files -> frames, by FFmpeg through PyAV: upright, in RGB of 8 bits, each with its time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from artlives.errors import ArtlivesError
from artlives.images import Photo
from artlives.video.frame import Clip, Color, Frame

# swscale's code, for which PyAV 17 has no name.
BT2020 = 9
# What swscale calls the matrices of H.273. Any other is taken for BT.709.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: BT2020,
    10: BT2020,
}
UNSPECIFIED, BT709, BT601 = 2, 1, 6
# Lines of the largest picture that is taken for BT.601 where the file does not tell, as players do: PAL's.
STANDARD_DEFINITION = 576
# Transfer functions of H.273 that are of high dynamic range.
HDR = {16: "PQ", 18: "HLG"}
# swscale's SWS_BICUBIC, SWS_FULL_CHR_H_INT and SWS_ACCURATE_RND, for which PyAV 17 has no names: differences of colour
# are interpolated for every pixel, and rounded.
EXACTLY = 0x4 | 0x2000 | 0x40000
# Of the names that FFmpeg has for formats of single pictures.
PICTURES = ("_pipe", "image2")
# Formats that are lists of other files, which FFmpeg would read: a file from somebody else could name any.
LISTS = {"concat", "dash", "hls", "imf", "rtsp", "sap", "sdp", "webm_dash_manifest"}
# Where the file does not tell.
FALLBACK_RATE = Fraction(25)


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video file, and the stream in it that is its picture.

    Raises:
        ArtlivesError: it cannot be read, is damaged or cut short, or holds no moving picture; also for FFmpeg's errors
            in the body.
    """
    try:
        formats = {"format_whitelist": ",".join(av.formats_available - LISTS)}
        # Names and titles in other encodings than UTF-8 are no reason to fail.
        with av.open(str(path), options=formats, metadata_errors="replace") as container:
            if container.format.name.endswith(PICTURES):
                raise ArtlivesError(f"{path} is a single picture: `artlives stylize` paints it")
            streams = [one for one in container.streams.video if not _is_cover(one)]
            if not streams:
                raise ArtlivesError(f"{path} holds no moving picture")
            if not streams[0].codec_context.width:
                raise ArtlivesError(f"{path} is damaged or cut short")
            streams[0].thread_type = "AUTO"
            yield container, streams[0]
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:
        if not Path(path).stat().st_size:
            raise ArtlivesError(f"{path} is empty") from error
        raise ArtlivesError(f"{path} is not a video, or is damaged or cut short") from error
    except (av.error.FFmpegError, OSError) as error:
        raise ArtlivesError(f"{path} cannot be read: {error.strerror or error}") from error


def look(path: str | Path) -> Clip:
    """What a video file tells of itself; its first frame is decoded.

    Raises:
        ArtlivesError: as `opened` does, or no frame can be decoded.
    """
    with opened(path) as (container, stream):
        frame = next(iter(_decoded(container, stream, [])), None)
        if frame is None:
            raise ArtlivesError(f"{path} is damaged or cut short: none of its frames can be decoded")
        width, height = stream.codec_context.width, stream.codec_context.height
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if frame.rotation % 180:
            width, height, aspect = height, width, 1 / aspect
        step = stream.time_base or Fraction(1, 1000)
        start = (frame.pts or 0) * step
        color = color_of(frame)
        notes = []
        if color.transfer in HDR:
            notes.append(
                f"{path} is HDR ({HDR[color.transfer]}): it is painted in 8 bits without tone mapping, and its colours "
                "may look pale: convert it to SDR first"
            )
        return Clip(
            width,
            height,
            step,
            stream.average_rate or stream.guessed_rate or FALLBACK_RATE,
            _duration(container, stream) or _measured(container, stream) - start,
            start,
            aspect,
            color,
            loops=0,
            notes=tuple(notes),
        )


def read(
    path: str | Path, since: Fraction | None = None, broken: list[Fraction] | None = None
) -> Iterator[Frame]:
    """The frames of a video file in the order of their times, from the time `since` on.

    A frame that cannot be decoded is replaced by the one before; its time is appended to `broken`. Where the file ends
    before the end that it tells, the last frames are missing.

    Raises:
        ArtlivesError: as `opened` does.
    """
    broken = [] if broken is None else broken
    with opened(path) as (container, stream):
        step = stream.time_base or Fraction(1, 1000)
        if since is not None:
            container.seek(int(since / step), stream=stream)
        lost: list[int] = []
        last: Frame | None = None
        next_time = Fraction(0)
        for decoded in _decoded(container, stream, lost):
            pts = decoded.pts
            time = next_time if pts is None else pts * step
            duration = (decoded.duration or 0) * step
            next_time = time + (duration or 1 / (stream.average_rate or FALLBACK_RATE))
            while lost and lost[0] * step < time:
                lost_time = heapq.heappop(lost) * step
                broken.append(lost_time)
                if last is not None and (since is None or lost_time >= since):
                    last = Frame(last.photo, lost_time, Fraction(0), lost_time, repeats=True)
                    yield last
            if since is not None and time < since:
                continue
            if decoded.is_corrupt and last is not None:
                broken.append(time)
                last = Frame(last.photo, time, duration, time, repeats=True)
            else:
                last = Frame(Photo(upright_pixels(decoded, stream)), time, duration, time)
            yield last


def _decoded(container: InputContainer, stream: VideoStream, lost: list[int]) -> Iterator[VideoFrame]:
    """The frames that can be decoded. Of a packet that cannot, the time in the stream's steps is pushed to `lost`."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.InvalidDataError, av.error.EOFError):
            # A file that is cut short in a packet's middle.
            packet = None
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            if packet.pts is not None:
                heapq.heappush(lost, packet.pts)


def upright_pixels(frame: VideoFrame, stream: VideoStream) -> np.ndarray:
    """(H, W, 3) of uint8 in RGB, turned as the file says."""
    color = color_of(frame)
    rgb = frame.reformat(
        # A stream may change its size.
        stream.codec_context.width,
        stream.codec_context.height,
        format="rgb24",
        src_colorspace=MATRICES.get(color.matrix, Colorspace.ITU709),
        src_color_range=ColorRange.JPEG if color.full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACTLY,
    )
    pixels = np.rot90(rgb.to_ndarray(), round(frame.rotation / 90))
    return np.ascontiguousarray(pixels)


def color_of(frame: VideoFrame) -> Color:
    """How the numbers of a frame mean colours, with what players assume where it does not tell."""
    if frame.format.is_rgb:
        return Color(BT709, int(frame.color_primaries), int(frame.color_trc))
    matrix = int(frame.colorspace)
    if matrix == UNSPECIFIED:
        matrix = BT601 if frame.height <= STANDARD_DEFINITION else BT709
    full = int(frame.color_range) == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return Color(matrix, int(frame.color_primaries), int(frame.color_trc), full)


def _is_cover(stream: VideoStream) -> bool:
    """Whether a stream is a still picture that belongs to a piece of music."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _duration(container: InputContainer, stream: VideoStream) -> Fraction:
    if stream.duration:
        return stream.duration * (stream.time_base or Fraction(1, 1000))
    return Fraction(container.duration or 0, av.time_base)


def _measured(container: InputContainer, stream: VideoStream) -> Fraction:
    """The end of the last frame of those that were not read yet, as of what a browser records; 0 for none."""
    step, last = stream.time_base or Fraction(1, 1000), Fraction(0)
    with suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            if packet.pts is not None:
                last = max(last, (packet.pts + (packet.duration or 0)) * step)
    return last
