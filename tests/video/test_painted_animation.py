from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from artlives.errors import ArtlivesError
from artlives.video import animation, look, paint
from tests.video.conftest import decoded, scene

DURATIONS = [100, 250, 40, 160]


def animated(path, loop, transparent=True, **options):
    """Four frames, whose right part is transparent."""
    pictures = []
    for i in range(4):
        picture = Image.fromarray(scene(3 * i))
        if transparent:
            alpha = np.full((48, 64), 255, np.uint8)
            alpha[:, 44:] = 0
            picture.putalpha(Image.fromarray(alpha))
        pictures.append(picture)
    if loop is not None:
        options["loop"] = loop
    options["disposal"] = 2
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=DURATIONS, **options)
    return path


def shown(path):
    """(durations in ms, loop, RGBA frames) of an animation, as Pillow reads it."""
    durations, frames = [], []
    with Image.open(path) as image:
        loop = image.info.get("loop")
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.array(image.convert("RGBA")))
            durations.append(image.info["duration"])
    return durations, loop, np.stack(frames)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
@pytest.mark.parametrize("loop", [0, 3, None])
def test_durations_loops_and_transparency_are_kept(tmp_path, quick, suffix, loop):
    source = animated(tmp_path / f"in.{suffix}", loop, **({"lossless": True} if suffix == "webp" else {}))
    target = tmp_path / f"out.{suffix}"
    outcome = paint(source, target, quick, steady=0, quality=100)
    assert (outcome.frames, outcome.notes) == (4, ())
    before, after = shown(source), shown(target)
    assert after[:2] == before[:2]
    assert before[0] == DURATIONS
    assert (after[2][..., 3] == before[2][..., 3]).all()
    painted = quick(Image.fromarray(before[2][1])).convert("RGB")
    visible = np.abs(np.asarray(painted).astype(int) - after[2][1, ..., :3])[:, :42]
    assert visible.mean() < {"gif": 12, "webp": 6, "png": 0.01}[suffix]


@pytest.mark.parametrize(("source", "target"), [("webp", "gif"), ("gif", "png"), ("png", "webp")])
def test_formats_are_chosen_by_the_name(tmp_path, quick, source, target):
    path = animated(tmp_path / f"in.{source}", 2)
    paint(path, tmp_path / f"out.{target}", quick)
    assert shown(tmp_path / f"out.{target}")[0] == DURATIONS
    # A GIF says how many times it is played again, the others how many times in all.
    plays = 3 if source == "gif" else 2
    assert [animation.look(one).loops for one in (path, tmp_path / f"out.{target}")] == [plays, plays]


def test_an_animation_becomes_a_video_on_white(tmp_path, quick):
    path = animated(tmp_path / "in.gif", 0)
    paint(path, tmp_path / "out.mp4", quick)
    times, frames = decoded(tmp_path / "out.mp4")
    assert times == [Fraction(time, 1000) for time in (0, 100, 350, 390)]
    assert frames[:, 4:-4, 48:60].min() > 245


def test_a_video_becomes_an_animation(clip, tmp_path, quick):
    paint(clip, tmp_path / "out.gif", quick)
    durations, loop, frames = shown(tmp_path / "out.gif")
    assert sum(durations) == 1000
    assert len(frames) == 25
    assert loop == 0


def test_frames_that_last_no_whole_hundredths_end_in_time(tmp_path, quick):
    # A third of a second each, which a GIF cannot hold.
    pictures = [Image.fromarray(scene(3 * i)) for i in range(3)]
    path = tmp_path / "in.png"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[333, 333, 334])
    paint(path, tmp_path / "out.gif", quick)
    assert shown(tmp_path / "out.gif")[0] == [330, 340, 330]


def test_colors_of_a_gif_stay_the_same_from_frame_to_frame(tmp_path):
    from artlives.images import Photo
    from artlives.video.frame import Frame

    still, step = scene(0), Fraction(1, 10)
    moving = [np.concatenate([still, scene(i * 5)], 1) for i in range(6)]
    frames = [Frame(Photo(pixels), i * step, step, i * step) for i, pixels in enumerate(moving)]
    animation.save(frames, tmp_path / "out.gif", 0, 92)
    _, _, found = shown(tmp_path / "out.gif")
    assert (found[:, :, :64] == found[0, :, :64]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: Image.fromarray(scene(0)).save(path),
            "is a single picture: `artlives stylize` paints it",
        ),
        (lambda path: path.write_bytes(b"GIF89a"), "cannot be read"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_what_is_no_animation_is_said_in_one_line(tmp_path, make, message):
    path = tmp_path / "in.gif"
    make(path)
    with pytest.raises(ArtlivesError, match=message):
        look(path)


def test_an_animation_that_is_cut_short(tmp_path, quick):
    path = animated(tmp_path / "in.png", 0)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ArtlivesError, match=r"cut short|Truncated"):
        paint(path, tmp_path / "out.png", quick)
    assert not (tmp_path / "out.png").exists()
