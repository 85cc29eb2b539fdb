import json
import os
import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from artlives.errors import ArtlivesError
from artlives.video import frames, painting, targets
from artlives.video.painting import paint
from artlives.video.source import Selection, at_rate
from tests.video.conftest import decoded, packets, scene, write_clip


@pytest.fixture
def as_it_is(quick):
    """Paints nothing: what comes out is what went in, but for what the files do to it."""
    return quick.variant(strength=0.0)


def test_frames_painted_by_themselves_are_those_of_photos(clip, quick):
    _, photos = decoded(clip)
    found = list(frames(clip, quick, steady=0))
    assert [frame.time for frame in found] == [Fraction(i, 25) for i in range(25)]
    assert len(found) == len(photos)
    for frame in found[::8]:
        assert (frame.photo.pixels == quick(read_frame(clip, frame.time))).all()


def read_frame(path, time):
    from artlives.video import reading

    return next(reading.read(path, time)).photo.pixels


def test_a_painted_video_keeps_its_times_and_its_sound(clip, tmp_path, quick):
    target = tmp_path / "painted.mp4"
    outcome = paint(clip, target, quick)
    assert (outcome.frames, outcome.broken, outcome.notes, outcome.stopped) == (25, 0, (), None)
    assert decoded(target)[0] == decoded(clip)[0]
    assert packets(target) == packets(clip)
    with av.open(str(clip)) as before, av.open(str(target)) as after:
        assert after.duration == before.duration
        stream = after.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.frames) == ("h264", "yuv420p", 25)
        assert stream.duration * stream.time_base == 1
    assert target.read_bytes().index(b"moov") < target.read_bytes().index(b"mdat")
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "painted.mp4"}


def test_uneven_times_are_kept_over_segments(tmp_path, as_it_is, monkeypatch):
    monkeypatch.setattr(targets, "SEGMENT", 7)
    times = list(np.cumsum([0, *np.random.default_rng(1).integers(200, 2000, 29)]))
    clip = write_clip(
        tmp_path / "clip.mp4", [scene(i) for i in range(30)], times=[int(time) for time in times]
    )
    for name in ("painted.mp4", "painted.mkv", "painted.mov"):
        paint(clip, tmp_path / name, as_it_is)
        # Matroska's times are whole milliseconds.
        step = Fraction(1, 1000) if name.endswith("mkv") else Fraction(1, 12800)
        found, _ = decoded(tmp_path / name)
        assert all(abs(a - b) <= step / 2 for a, b in zip(found, decoded(clip)[0], strict=True)), name


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
def test_colors_are_kept(tmp_path, as_it_is, matrix, full):
    context = {
        "colorspace": matrix,
        "color_range": 2 if full else 1,
        "color_primaries": matrix,
        "color_trc": matrix,
    }
    from tests.video.test_frames import yuv

    frames = [yuv((200, 60, 30), matrix, full, 8)] * 3
    clip = write_clip(
        tmp_path / "clip.mp4", frames, context={**context, "sample_aspect_ratio": Fraction(4, 3)}
    )
    paint(clip, tmp_path / "painted.mp4", as_it_is)
    with av.open(str(tmp_path / "painted.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        frame = next(container.decode(stream))
        assert {name: getattr(frame, name) for name in ("color_primaries", "color_trc")} == {
            "color_primaries": matrix,
            "color_trc": matrix,
        }
        assert (frame.colorspace, frame.color_range) == (matrix, 2 if full else 1)
        planes = [np.frombuffer(plane, np.uint8).astype(int) for plane in frame.planes]
        original = [np.frombuffer(plane, np.uint8).astype(int) for plane in frames[0].planes]
        assert all(
            abs(int(np.median(a)) - int(np.median(b))) <= 2 for a, b in zip(planes, original, strict=True)
        )


def test_a_phones_clip_is_painted_upright(tmp_path, as_it_is):
    clip = write_clip(tmp_path / "phone.mp4", [np.rot90(scene(i), -1) for i in range(3)], rotation=90)
    paint(clip, tmp_path / "painted.mp4", as_it_is)
    _, found = decoded(tmp_path / "painted.mp4")
    assert np.abs(found[0].astype(int) - scene(0)).mean() < 4


def test_metadata_is_kept_but_for_the_place(tmp_path, as_it_is):
    chapters = [
        {"id": 0, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}},
        {"id": 1, "start": 400, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "two"}},
    ]
    clip = write_clip(
        tmp_path / "clip.mkv",
        [scene(i) for i in range(25)],
        metadata={"title": "Holiday", "location": "+48.1+011.6/"},
        chapters=chapters,
    )
    paint(clip, tmp_path / "painted.mkv", as_it_is)
    paint(
        clip, tmp_path / "part.mkv", as_it_is, selection=Selection(start=Fraction(1, 5), end=Fraction(3, 5))
    )
    with av.open(str(tmp_path / "painted.mkv")) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
        assert kept["title"] == "Holiday"
        assert "location" not in kept
        assert [(one["start"], one["end"], one["metadata"]) for one in container.chapters()] == [
            (one["start"] * 10**6, one["end"] * 10**6, one["metadata"]) for one in chapters
        ]
    with av.open(str(tmp_path / "part.mkv")) as container:
        assert [(one["start"], one["end"]) for one in container.chapters()] == [
            (0, 2 * 10**8),
            (2 * 10**8, 4 * 10**8),
        ]


def test_sound_that_the_file_cannot_hold_is_encoded_anew(clip, tmp_path, as_it_is):
    target = tmp_path / "painted.webm"
    outcome = paint(clip, target, as_it_is)
    assert outcome.notes == ()
    with av.open(str(target)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.codec.canonical_name) == ("vp9", "opus")
        tone = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(sound)])
        spectrum = np.abs(np.fft.rfft(tone[4800:43200]))
        # Hertz: 0.8 s of sound.
        assert round(spectrum.argmax() / 0.8) == 440
        assert abs(len(tone) / 48000 - 1) < 0.1


def test_part_of_a_video_with_its_sound(clip, tmp_path, as_it_is):
    target = tmp_path / "part.mp4"
    paint(clip, target, as_it_is, selection=Selection(start=Fraction(2, 5), end=Fraction(4, 5)))
    times, found = decoded(target)
    assert times == [Fraction(i, 25) for i in range(10)]
    assert np.abs(found[0].astype(int) - decoded(clip)[1][10]).mean() < 4
    whole, part = packets(clip), packets(target)
    assert [data for _, data in part] == [
        data for time, data in whole if Fraction(2, 5) <= time < Fraction(4, 5)
    ]
    assert 0 <= part[0][0] < Fraction(1024, 48000)


def test_another_rate(clip, tmp_path, as_it_is):
    target = tmp_path / "painted.mp4"
    outcome = paint(clip, target, as_it_is, selection=Selection(fps=Fraction(10)))
    times, found = decoded(target)
    assert outcome.frames == 10
    assert times == [Fraction(i, 10) for i in range(10)]
    # At 0.5 s, frame 12 of 25 is shown.
    original = decoded(clip)[1].astype(int)
    assert np.abs(original - found[5]).mean((1, 2, 3)).argmin() == 12


def test_more_frames_than_there_are_repeat_paintings(clip, quick, monkeypatch):
    painted = []
    original = type(quick).__call__
    monkeypatch.setattr(
        type(quick), "__call__", lambda *args, **more: painted.append(1) or original(*args, **more)
    )
    found = list(frames(clip, quick, selection=Selection(end=Fraction(1, 5), fps=Fraction(50))))
    assert (len(found), len(painted)) == (10, 5)
    assert (found[3].photo.pixels == found[2].photo.pixels).all()


def test_frames_between_are_blended(clip, quick, monkeypatch):
    painted = []
    original = type(quick).__call__
    monkeypatch.setattr(
        type(quick), "__call__", lambda *args, **more: painted.append(1) or original(*args, **more)
    )
    found = list(frames(clip, quick, steady=0, selection=Selection(every=4)))
    # The first, every fourth after it.
    assert (len(found), len(painted)) == (25, 7)
    alone = list(frames(clip, quick, steady=0))
    blended, own = (np.stack([frame.photo.pixels.astype(int) for frame in some]) for some in (found, alone))
    assert (blended[::4] == own[::4]).all()
    # Nearer to their own paintings than the painted frame before is.
    assert np.abs(blended - own).mean() < np.abs(own[np.arange(25) // 4 * 4] - own).mean()


def test_a_broken_frame_shows_the_painting_before(tmp_path, quick):
    path = write_clip(
        tmp_path / "clip.avi", [scene(i) for i in range(6)], codec="mjpeg", pixels="yuvj420p", options={}
    )
    third = packets(path, "video")[2][1]
    path.write_bytes(path.read_bytes().replace(third, bytes(len(third))))
    outcome = paint(path, tmp_path / "painted.mp4", quick)
    assert (outcome.frames, outcome.broken) == (6, 1)
    assert outcome.notes == (f"{path}: 1 frames are broken, and show the one before once more",)


def test_a_video_that_is_cut_short_is_painted_as_far_as_it_goes(tmp_path, quick):
    path = write_clip(tmp_path / "clip.mkv", [scene(i) for i in range(75)], options={"g": "5", "crf": "4"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    outcome = paint(path, tmp_path / "painted.mp4", quick.variant(one_pass=True))
    assert outcome.frames == len(decoded(tmp_path / "painted.mp4")[0])
    (note,) = outcome.notes
    assert f"{path} is cut short: it ends after" in note
    assert "of 3.0 s" in note


class Killed(Exception):
    """In place of a process that is killed: nothing is cleaned up or completed."""


@pytest.mark.parametrize("selection", [Selection(), Selection(fps=Fraction(15)), Selection(every=3)])
@pytest.mark.parametrize("steady", [0, 0.9])
def test_a_killed_work_goes_on_to_the_same_file(clip, tmp_path, quick, monkeypatch, selection, steady):
    monkeypatch.setattr(targets, "SEGMENT", 6)
    work = {"steady": steady, "selection": selection}
    style = quick.variant(strength=0.8, one_pass=True)
    whole, target = tmp_path / "whole.mp4", tmp_path / "painted.mp4"
    paintings = {}
    paint(clip, whole, style, report=lambda frame, done, _: paintings.update({done: frame}), **work)

    def die(frame, done, total):
        if done == 9:
            raise Killed

    with pytest.raises(Killed):
        paint(clip, target, style, report=die, **work)
    assert not target.exists()
    later = {}
    paint(clip, target, style, resume=True, report=lambda frame, done, _: later.update({done: frame}), **work)
    # At least one segment is not painted again.
    assert min(later) > 6
    assert max(later) == max(paintings)
    for done, frame in later.items():
        assert frame.time == paintings[done].time
        assert (frame.photo.pixels == paintings[done].photo.pixels).all()
    # x264 does not encode the same frames to the same bits each time.
    times, found = decoded(target)
    assert times == decoded(whole)[0]
    assert np.abs(found.astype(int) - decoded(whole)[1]).mean() < 1
    assert not list(tmp_path.glob(".*"))


def test_a_signal_leaves_a_file_that_plays_and_the_work_goes_on(clip, tmp_path, quick):
    quick = quick.variant(one_pass=True)
    whole, target = tmp_path / "whole.mp4", tmp_path / "painted.mp4"
    paint(clip, whole, quick)

    def stop(frame, done, total):
        if done == 11:
            os.kill(os.getpid(), signal.SIGINT)

    outcome = paint(clip, target, quick, report=stop)
    assert (outcome.frames, outcome.stopped) == (11, signal.SIGINT)
    times, _ = decoded(target)
    assert times == [Fraction(i, 25) for i in range(11)]
    assert packets(target)[-1][0] < Fraction(11, 25) <= packets(clip)[-1][0]
    outcome = paint(clip, target, quick, resume=True)
    assert (outcome.frames, outcome.stopped) == (25, None)
    times, found = decoded(target)
    assert times == decoded(whole)[0]
    assert packets(target) == packets(clip)
    # The same paintings, but encoded in other segments.
    assert np.abs(found.astype(int) - decoded(whole)[1]).mean() < 3
    assert not list(tmp_path.glob(".*"))


def test_other_work_does_not_go_on(clip, tmp_path, quick):
    target = tmp_path / "painted.mp4"

    def die(frame, done, total):
        raise Killed

    with pytest.raises(Killed):
        paint(clip, target, quick, report=die)
    with pytest.raises(ArtlivesError, match="was begun with other options"):
        paint(clip, target, quick, steady=0, resume=True)
    # Without --resume, it begins anew.
    assert paint(clip, target, quick, steady=0).frames == 25


def test_a_disk_that_is_full_is_said_and_the_work_can_go_on(clip, tmp_path, quick):
    target = Path("/dev/full")
    if not target.exists():
        pytest.skip("no /dev/full")
    segment = targets.Segment

    def full(path, *arguments):
        return segment(target, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "Segment", full)
        with pytest.raises(ArtlivesError, match="cannot be written: No space left on device"):
            paint(clip, tmp_path / "painted.mp4", quick)
    assert not (tmp_path / "painted.mp4").exists()


def test_files_are_not_replaced_unasked(clip, tmp_path, quick):
    target = tmp_path / "there.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(ArtlivesError, match="is there already: give --overwrite"):
        paint(clip, target, quick)
    with pytest.raises(ArtlivesError, match="is the video itself"):
        paint(clip, clip, quick, overwrite=True)
    with pytest.raises(ArtlivesError, match=r"give it one of the endings \.mp4 .* \.gif"):
        paint(clip, tmp_path / "painted.xyz", quick)
    assert target.read_bytes() == b"mine"


def test_no_frame_between_start_and_end(clip, tmp_path, quick):
    with pytest.raises(ArtlivesError, match="holds no frame of that time"):
        paint(clip, tmp_path / "painted.mp4", quick, selection=Selection(start=Fraction(9)))
    assert not (tmp_path / "painted.mp4").exists()


def test_pictures_with_numbers(clip, tmp_path, quick):
    outcome = paint(clip, tmp_path / "frame-%03d.png", quick, selection=Selection(end=Fraction(1, 5)))
    assert outcome.frames == 5
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"frame-00{i}.png" for i in range(1, 6)]


@pytest.mark.parametrize(
    ("rate", "times", "shown"),
    [
        (10, [0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),
        (5, [0, 0.1, 0.2, 0.3], [0, 2]),
        (20, [0, 0.1, 0.25], [0, 0, 1, 1, 1, 2, 2]),
    ],
)
def test_at_rate(rate, times, shown):
    from artlives.images import Photo
    from artlives.video.frame import Frame

    given = [
        Frame(
            Photo(np.full((16, 16, 3), i, np.uint8)),
            Fraction(str(time)),
            Fraction(1, 10),
            Fraction(str(time)),
        )
        for i, time in enumerate(times)
    ]
    found = list(at_rate(given, Fraction(rate), Fraction(0)))
    assert [int(frame.photo.pixels[0, 0, 0]) for frame in found] == shown
    assert [frame.time for frame in found] == [Fraction(i, rate) for i in range(len(found))]
    assert [frame.repeats for frame in found] == [
        i > 0 and shown[i] == shown[i - 1] for i in range(len(shown))
    ]


@pytest.mark.parametrize(
    "wrong", [{"fps": Fraction(0)}, {"every": 0}, {"start": Fraction(2), "end": Fraction(1)}]
)
def test_wrong_selections(wrong):
    with pytest.raises(ValueError, match="must"):
        Selection(**wrong)


def test_the_job_is_json(clip, quick):
    json.dumps(painting._job(clip, quick, 0.5, Selection(fps=Fraction(25)), None))
