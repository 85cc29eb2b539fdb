import numpy as np
import pytest

from artlives.images import Photo
from artlives.video import stream as stream_module
from artlives.video.steady import motion
from artlives.video.stream import Stream
from tests.video.conftest import scene


def noisy(i):
    """A scene that stands still, seen by a sensor with noise."""
    noise = np.random.default_rng(i).normal(0, 4, (48, 64, 3))
    return Photo((scene(0) + noise).clip(0, 255).astype(np.uint8))


def painted(stream, stylizer, photos):
    return [stream.paint(stylizer, photo).pixels.astype(int) for photo in photos]


def unsteadiness(paintings):
    return np.abs(np.diff(paintings, axis=0)).mean()


def test_a_scene_that_stands_still_does_not_boil(quick):
    photos = [noisy(i) for i in range(5)]
    alone = painted(Stream(0), quick, photos)
    assert np.array_equal(alone[0], quick(photos[0]).pixels)
    assert unsteadiness(painted(Stream(), quick, photos)) < 0.5 * unsteadiness(alone)


@pytest.fixture
def cut():
    return Photo(np.random.default_rng(9).integers(0, 255, (48, 64, 3), np.uint8))


def test_nothing_is_left_of_the_painting_before_a_cut(quick, cut):
    paintings = painted(Stream(), quick, [noisy(0), cut])
    assert np.array_equal(paintings[1], painted(Stream(), quick, [cut])[0])


def test_nothing_is_left_where_the_settings_the_size_or_the_bits_are_others(quick):
    stream = Stream()
    first, second = noisy(0), noisy(1)
    stream.paint(quick, first)
    other = quick.variant(one_pass=True)
    assert np.array_equal(stream.paint(other, second).pixels, other(second).pixels)
    smaller = Photo(second.pixels[:40])
    assert np.array_equal(stream.paint(other, smaller).pixels, other(smaller).pixels)
    deep = Photo(first.pixels.astype(np.uint16) * 257)
    assert np.array_equal(stream.paint(other, deep).pixels, other(deep).pixels)
    assert np.array_equal(stream.paint(other, first).pixels, other(first).pixels)


def test_a_motion_that_was_found_before_is_used_and_one_to_another_frame_is_not(quick, monkeypatch):
    found = []

    def noting(now, other, side):
        found.append((now, other))
        return motion(now, other, side)

    monkeypatch.setattr(stream_module, "motion", noting)
    photos = [noisy(i) for i in range(4)]
    expected = painted(Stream(), quick, photos)
    found.clear()
    stream, paintings = Stream(), []
    for photo, looked_at in zip(photos, [None, photos[0], photos[0], photos[2]], strict=True):
        if looked_at:
            stream.look(photo, looked_at)
        paintings.append(stream.paint(quick, photo).pixels.astype(int))
    assert np.array_equal(paintings, expected)
    # The third frame was compared with the first one: its motion to the second was found when it was painted.
    pairs = [(photos[i].pixels, photos[j].pixels) for i, j in ((1, 0), (2, 0), (2, 1), (3, 2))]
    assert [(id(now), id(other)) for now, other in found] == [(id(now), id(other)) for now, other in pairs]


def test_frames_without_anything_in_common_are_not_looked_at(quick):
    stream, first = Stream(), noisy(0)
    deep = Photo(first.pixels.astype(np.uint16) * 257)
    for photo in (deep, Photo(first.pixels[:40])):
        stream.look(photo, first)
        assert np.array_equal(stream.paint(quick, photo).pixels, Stream().paint(quick, photo).pixels)
