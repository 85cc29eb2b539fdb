from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from artlives.errors import ArtlivesError
from artlives.video import reading
from tests.video.conftest import hear, scene, write_clip

# Of red, green and blue in luminance, by the code that H.273 has for the matrix: ITU-R BT.601, 709 and 2020.
LUMA = {6: (0.299, 0.587, 0.114), 1: (0.2126, 0.7152, 0.0722), 9: (0.2627, 0.678, 0.0593)}


def yuv(rgb, matrix, full, bits, size=(64, 96)):
    """An `av.VideoFrame` of one colour, computed by the standards' equations."""
    red, green, blue = LUMA[matrix]
    r, g, b = np.array(rgb) / 255
    y = red * r + green * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    scale = 2 ** (bits - 8)
    if full:
        most = 2**bits - 1
        values = y * most, cb * most + 128 * scale, cr * most + 128 * scale
    else:
        values = (16 + 219 * y) * scale, (128 + 224 * cb) * scale, (128 + 224 * cr) * scale
    frame = av.VideoFrame(size[1], size[0], "yuv420p" if bits == 8 else "yuv420p10le")
    for plane, value in zip(frame.planes, values, strict=True):
        dtype = np.uint8 if bits == 8 else "<u2"
        plane.update(np.full(plane.buffer_size // np.dtype(dtype).itemsize, round(value), dtype).tobytes())
    return frame


def color_clip(path, rgb, matrix, full, bits, **context):
    context |= {"colorspace": matrix, "color_range": 2 if full else 1}
    pixels = "yuv420p" if bits == 8 else "yuv420p10le"
    codec = "libx264" if bits == 8 else "libx265"
    options = {"crf": "1"} if bits == 8 else {"crf": "1", "x265-params": "log-level=none"}
    return write_clip(
        path, [yuv(rgb, matrix, full, bits)] * 3, codec=codec, pixels=pixels, context=context, options=options
    )


@pytest.mark.parametrize("matrix", LUMA)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_colors_are_those_that_the_standards_say(tmp_path, matrix, full, bits):
    rgb = 200, 60, 30
    path = color_clip(tmp_path / "color.mkv", rgb, matrix, full, bits)
    frame = next(reading.read(path))
    assert np.abs(frame.photo.pixels.astype(int) - rgb).max() <= 2
    color = reading.look(path).color
    assert (color.matrix, color.full) == (matrix, full)


@pytest.mark.parametrize(("size", "matrix"), [((480, 640), 6), ((720, 1280), 1)])
def test_colors_of_a_clip_that_does_not_tell_depend_on_its_size(tmp_path, size, matrix):
    rgb = 200, 60, 30
    path = write_clip(tmp_path / "color.mkv", [yuv(rgb, matrix, False, 8, size)])
    assert np.abs(next(reading.read(path)).photo.pixels.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_said(tmp_path, transfer, name):
    path = color_clip(tmp_path / "hdr.mkv", (90, 80, 70), 9, False, 10, color_trc=transfer, color_primaries=9)
    (note,) = reading.look(path).notes
    assert f"{path} is HDR ({name})" in note


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_frames_are_upright(tmp_path, rotation):
    upright = scene(0)
    # What the file holds is turned back by its matrix, counterclockwise.
    stored = np.rot90(upright, -rotation // 90)
    path = write_clip(tmp_path / "phone.mp4", [stored] * 2, rotation=rotation)
    clip, frame = reading.look(path), next(reading.read(path))
    assert (clip.height, clip.width) == frame.photo.pixels.shape[:2] == upright.shape[:2]
    assert np.abs(frame.photo.pixels.astype(int) - upright).mean() < 4


def test_times_and_durations(tmp_path):
    times = [0, 512, 1100, 1300, 4000]
    path = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(5)], times=times)
    frames = list(reading.read(path))
    assert [frame.time for frame in frames] == [Fraction(time, 12800) for time in times]
    assert [frame.origin for frame in frames] == [frame.time for frame in frames]
    assert reading.look(path).step == Fraction(1, 12800)


def test_reading_begins_where_it_is_told_to(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(25)], options={"g": "10", "crf": "4"})
    whole = list(reading.read(path))
    part = list(reading.read(path, Fraction(13, 25)))
    assert [frame.time for frame in part] == [frame.time for frame in whole[13:]]
    assert all((a.photo.pixels == b.photo.pixels).all() for a, b in zip(part, whole[13:], strict=True))


def test_a_broken_frame_is_counted_and_the_one_before_repeated(tmp_path):
    frames = [scene(i) for i in range(6)]
    path = write_clip(tmp_path / "clip.avi", frames, codec="mjpeg", pixels="yuvj420p", options={})
    with av.open(str(path)) as container:
        third = [bytes(packet) for packet in container.demux(video=0) if packet.size][2]
    data = path.read_bytes()
    assert data.count(third) == 1
    path.write_bytes(data.replace(third, bytes(len(third))))
    broken = []
    found = list(reading.read(path, broken=broken))
    assert [frame.time for frame in found] == [Fraction(i, 25) for i in range(6)]
    assert [frame.repeats for frame in found] == [False, False, True, False, False, False]
    assert broken == [Fraction(2, 25)]
    assert (found[2].photo.pixels == found[1].photo.pixels).all()


def test_a_file_that_is_cut_short_gives_the_frames_that_it_has(tmp_path):
    frames = [scene(i) for i in range(25)]
    path = write_clip(tmp_path / "clip.mkv", frames, options={"g": "5", "crf": "4"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 2 <= len(list(reading.read(path))) < 25


def image(path):
    Image.fromarray(scene(0)).save(path, "PNG")


def sound(path):
    with av.open(str(path), "w", format="mp4") as container:
        hear(container, container.add_stream("aac", rate=48000, layout="mono"), 1)


def headless(path):
    data = write_clip(path.with_name("whole.mp4"), [scene(i) for i in range(5)]).read_bytes()
    # An MP4 file has its table of frames at its end.
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (image, "is a single picture: `artlives stylize` paints it"),
        (sound, "holds no moving picture"),
        (headless, "is not a video, or is damaged or cut short"),
        (lambda path: path.write_bytes(b"no video " * 99), "is not a video, or is damaged or cut short"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ],
)
def test_what_is_no_video_is_said_in_one_line(tmp_path, make, message):
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(ArtlivesError, match=message) as caught:
        reading.look(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile clip.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_list_of_other_files_is_no_video(clip, text):
    path = clip.with_name("list.mp4")
    path.write_text(text)
    with pytest.raises(ArtlivesError, match="is not a video, or is damaged or cut short"):
        reading.look(path)


def test_the_duration_of_a_file_that_does_not_tell_is_measured(tmp_path):
    known = write_clip(tmp_path / "clip.webm", [scene(i) for i in range(10)], codec="libvpx-vp9")
    path = tmp_path / "recorded.webm"
    with av.open(str(known)) as source, av.open(str(path), "w", options={"live": "1"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(path)) as container:
        assert container.duration is None
    # A recorder does not tell how long the last frame is shown.
    assert reading.look(path).duration in (Fraction(9, 25), Fraction(10, 25))
