import numpy as np
import pytest

from artlives.video.steady import MOST, Motion, Moved, between, motion
from tests.video import motion as clips

SIZE = 180, 320


def inner(array):
    """Without the edges, where things come into sight."""
    return array[12:-12, 12:-12]


@pytest.mark.parametrize(
    "move",
    [
        clips.camera(shift=(3.3, 0.7)),
        clips.camera(zoom=0.99),
        clips.camera(turn=0.7),
    ],
)
def test_the_motion_is_found(move):
    clip = clips.moving(2, SIZE, move)
    found = motion(clip.frames[1], clip.frames[0])
    assert np.median(np.abs(inner(found.place - clip.flows[0]))) < 0.2
    assert inner(found.trust).mean() > 0.7


def test_noise_does_not_move_what_is_still():
    clip = clips.moving(2, SIZE, clips.camera(), noise=clips.NOISE)
    found = motion(clip.frames[1], clip.frames[0])
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    assert (np.abs(found.place - np.stack([x, y], -1)).max(-1) < 0.01).mean() > 0.8
    assert found.trust.mean() > 0.85


def test_what_comes_out_from_behind_something_is_not_trusted():
    clip = clips.moving(2, SIZE, clips.camera(), "lake", lambda i: clips.camera(shift=(-8, 0))(i))
    found = motion(clip.frames[1], clip.frames[0])
    # The object moves to the right by 8 pixels: left of it, the background comes out.
    height, width = SIZE
    edge = int(width / 2 - 0.16 * width / 1) + 1
    uncovered = found.trust[height // 2 - 8 : height // 2 + 8, edge : edge + 7]
    assert uncovered.mean() < 0.2
    assert found.trust[10:40, 250:300].mean() > 0.8


def test_after_a_cut_nothing_is_in_common():
    one = clips.moving(1, SIZE, clips.camera(), "boston").frames[0]
    other = clips.moving(1, SIZE, clips.camera(), "otters").frames[0]
    assert motion(one, other) is None


def test_a_fade_is_no_cut():
    clip = clips.moving(2, SIZE, clips.camera(), light=lambda i: 1 - 0.06 * i)
    assert motion(clip.frames[1], clip.frames[0]).trust.mean() > 0.5


def test_paintings_are_mixed_as_far_as_the_motion_is_trusted():
    y, x = np.mgrid[0:16, 0:16].astype(np.float32)
    trust = np.zeros((16, 16), np.float32)
    trust[:, 8:] = 1
    last = np.full((16, 16, 3), 200, np.float32)
    still = Motion(np.stack([x, y], -1), np.ones_like(trust))
    moved = Moved(last, trust)
    mixed = moved.mixed(np.full((16, 16, 3), 100, np.uint8), 0.5)
    assert np.allclose(mixed[:, :8], 100, atol=0.01)
    assert np.allclose(mixed[:, 8:], 100 + 100 * 0.5 * MOST, atol=0.01)
    carried = moved.carried(np.full((8, 8, 3), 100, np.uint8), 0.5)
    assert (carried[:, :8] == 100).all()
    assert (carried[:, 8:] == 150).all()
    assert (moved.carried(np.full((8, 8, 3), 100, np.uint8), 0.5, still) == carried).all()


def test_a_frame_between_two_is_where_they_say():
    clip = clips.moving(3, SIZE, clips.camera(shift=(6, 0)))
    first, middle, last = clip.frames
    ways = motion(middle, first), motion(middle, last)
    found = between((first, last), ways, 0.5)
    error = np.abs(inner(found.astype(int) - middle)).mean()
    assert error < 0.3 * np.abs(inner((first.astype(int) + last) // 2 - middle)).mean()
    # Beside a cut, it is of its own side alone.
    assert np.abs(between((first, last), (None, ways[1]), 0.5).astype(int) - found).mean() < 4


@pytest.mark.parametrize("case", ["still, sensor noise", "pan", "rotation", "moving object", "fade"])
def test_strokes_that_boil_are_steadied(case):
    from benchmarks.steadiness import warping_error

    clip = clips.cases(8, SIZE)[case]
    draw = np.random.default_rng(3)
    boiling = [
        (frame * 0.6 + draw.normal(50, 20, frame.shape)).clip(0, 255).astype(np.uint8)
        for frame in clip.frames
    ]
    steady, last = [boiling[0]], boiling[0].astype(np.float32)
    for painting, now, before in zip(boiling[1:], clip.frames[1:], clip.frames, strict=False):
        way = motion(now, before)
        last = Moved(way.moved(last), way.trust).mixed(painting, 0.9)
        steady.append(last.astype(np.uint8))
    assert warping_error(steady, clip) < 0.5 * warping_error(boiling, clip)
