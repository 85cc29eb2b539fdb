"""Segments of a painted video -> one file, with the sound, the subtitles and the chapters of the one that was painted.

Nothing is encoded again that the file can hold as it is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition

from artlives.files import replacing
from artlives.video.reading import opened
from artlives.video.writing import Format, format_of, writing

# Of metadata that tells where a video was taken.
PLACES = ("location", "gps", "xyz")
# What of the container's metadata is not the user's: it is written anew.
TECHNICAL = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


@dataclass(frozen=True)
class Span:
    """A part of a file's time.

    Attributes:
        start, end: in seconds; None for the file's own.
    """

    start: Fraction | None = None
    end: Fraction | None = None


def join(
    segments: list[tuple[Path, Fraction]], source: str | Path | None, target: str | Path, span: Span
) -> list[str]:
    """Write the segments of a painted video, with all else that belongs to it, to one file.

    Args:
        segments: each with the time of its first frame, at least one.
        source: the video that was painted; None for an animation. Its sound and its subtitles are copied, or encoded
            anew where the target cannot hold them; what cannot be encoded either is left out.
        target: the file; its ending tells the format. It appears whole or not at all.
        span: what was painted of the source. Its start becomes time 0.

    Returns:
        a line for all that is left out.

    Raises:
        ArtlivesError: the target cannot be written, or the source can no longer be read.
    """
    format = format_of(target)
    options = {"movflags": "faststart"} if format.container in ("mp4", "mov") else {}
    notes: list[str] = []
    reading = nullcontext(None) if source is None else opened(source)
    with (
        replacing(target) as temporary,
        reading as original,
        writing(target),
        av.open(str(temporary), "w", format=format.container, options=options) as output,
    ):
        with av.open(str(segments[0][0])) as first:
            video = output.add_stream_from_template(first.streams.video[0])
        packets = [_video(segments, video, span)]
        if original:
            painted = original[0]
            output.metadata.update(_metadata(painted.metadata))
            output.set_chapters(_chapters(painted, span))
            others = [
                copied
                for stream in painted.streams
                if stream.type in ("audio", "subtitle")
                and (copied := _added(output, stream, format, target, notes))
            ]
            if others:
                packets.append(_others(painted, others, span))
        # In the order of their times, so that the muxer need not hold many back.
        for _, _, packet in heapq.merge(*packets, key=lambda item: item[:2]):
            output.mux(packet)
    return notes


if TYPE_CHECKING:
    Timed = tuple[float, int, Packet[Any]]


def _video(segments: list[tuple[Path, Fraction]], stream: Any, span: Span) -> Iterator[Timed]:
    """The packets of all segments, at their times, with their stream's index."""
    last = None
    for path, start in segments:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.dts is None or packet.pts is None:
                    continue
                step = packet.time_base
                offset = round((start - (span.start or 0)) / step)
                packet.pts += offset
                packet.dts += offset
                # The encoder begins anew with each segment: where frames do not last equally long, the first one's
                # place in the order of decoding may lie before that of the last segment's last.
                packet.dts = packet.dts if last is None else max(packet.dts, last + 1)
                last = packet.dts
                packet.stream = stream
                yield float(packet.dts * step), 0, packet


@dataclass(frozen=True)
class _Copied:
    """A stream of sound or of subtitles, and what it becomes.

    Attributes:
        resampler: of sound that is encoded anew; None of what is copied.
    """

    source: Any
    target: Any
    resampler: AudioResampler | None = None


def _added(
    output: OutputContainer, stream: Any, format: Format, target: str | Path, notes: list[str]
) -> _Copied | None:
    """Add to the output what `stream` becomes there; None, and a note, for what it cannot hold."""
    name = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    if name and {name, stream.codec_context.name} & output.supported_codecs:
        added: Any = output.add_stream_from_template(stream)
        copied = _Copied(stream, added)
    elif stream.type == "audio" and name:
        # Opus has one rate.
        rate = 48000 if format.sound == "libopus" else stream.codec_context.sample_rate
        added = output.add_stream(format.sound, rate=rate, layout=stream.codec_context.layout.name)
        resampler = AudioResampler(
            added.codec_context.format, added.codec_context.layout, rate, _frame_size(added)
        )
        copied = _Copied(stream, added, resampler)
    else:
        what = "subtitles" if stream.type == "subtitle" else "a track of sound"
        notes.append(
            f"{target} cannot hold {what} ({name or 'unknown'}), which are left out: .mkv holds them"
        )
        return None
    added.metadata.update(_metadata(stream.metadata))
    added.disposition = stream.disposition & ~Disposition.attached_pic
    return copied


def _frame_size(stream: Any) -> int:
    """Samples that an encoder takes at a time."""
    stream.codec_context.open()
    return int(stream.codec_context.frame_size)


def _others(container: InputContainer, streams: list[_Copied], span: Span) -> Iterator[Timed]:
    """The packets of sound and subtitles of the span's time, as those of their new streams."""
    by_index = {copied.source.index: copied for copied in streams}
    if span.start:
        container.seek(int(span.start * av.time_base))
    for packet in container.demux([copied.source for copied in streams]):
        copied = by_index[packet.stream.index]
        time = None if packet.pts is None else packet.pts * packet.time_base
        if time is not None and span.end is not None and time >= span.end:
            if time > span.end + 10:
                break
            continue
        if time is not None and span.start is not None and time < span.start:
            continue
        shift = span.start or Fraction(0)
        for one in _copies(packet, copied, shift):
            yield float((one.dts if one.dts is not None else 0) * one.time_base), copied.target.index, one


def _copies(packet: Packet[Any], copied: _Copied, shift: Fraction) -> Iterable[Packet[Any]]:
    """What becomes of a packet: itself, or what its sound is encoded to; times are moved back by `shift` seconds."""
    if copied.resampler is None:
        if packet.dts is None:
            return []
        offset = round(shift / packet.time_base)
        packet.dts -= offset
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.stream = copied.target
        return [packet]
    frames: list[Any] = list(packet.decode())
    for frame in frames:
        frame.pts -= round(shift / frame.time_base)
    encoded = [
        one
        for frame in frames
        for part in copied.resampler.resample(frame)
        for one in copied.target.encode(part)
    ]
    if packet.dts is None:
        # The end of the stream.
        rest = copied.resampler.resample(None)
        encoded += [one for part in [*rest, None] for one in copied.target.encode(part)]
    return encoded


def _metadata(metadata: dict[str, str]) -> dict[str, str]:
    """What is kept of a file's metadata: not where it was taken."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in TECHNICAL and not any(word in key.lower() for word in PLACES)
    }


def _chapters(container: InputContainer, span: Span) -> list[Any]:
    """The chapters that begin or end within the span's time, by its clock."""
    found = []
    for chapter in container.chapters():
        step = chapter["time_base"] or Fraction(1)
        first, last = (Fraction(chapter[key]) * step for key in ("start", "end"))
        begin, end = span.start or first, span.end or last
        if first < end and last > begin:
            shift = span.start or Fraction(0)
            chapter["start"] = int((max(first, begin) - shift) / step)
            chapter["end"] = int((min(last, end) - shift) / step)
            found.append(chapter)
    return found
