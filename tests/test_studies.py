"""Styles that are made when they are asked for: learnt from a painting's picture, and mixed."""

import os

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer, images, studies, styles
from artlives.errors import ArtlivesError
from artlives.training import study as training
from artlives.training.recipe import Recipe, card


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setattr(studies, "folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def painting(tmp_path):
    """A picture of stripes."""
    path = tmp_path / "Sun flowers!.png"
    rows = np.mgrid[:70, :90][0]
    Image.fromarray(np.stack([rows * 3, 255 - rows * 3, rows * 2], 2).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def short(monkeypatch):
    """Studies of two steps from the mean of the styles that come with artlives."""
    recipe = Recipe(steps=2, size=64, batch_size=2, style_size=64, start="mean")
    for module in (studies, training):
        monkeypatch.setattr(module, "STUDY", recipe)


@pytest.mark.usefixtures("short", "shipped")
def test_a_painting_is_learnt_once(painting, pixels, tmp_path, monkeypatch):
    pending = studies.find(painting)
    assert studies.is_pending(pending)
    assert (pending.name, pending.grain) == ("sun-flowers", 5.0)
    told = []
    style = studies.learn(pending, device="cpu", report=told.append)
    assert told == [1, 2]
    assert (style.name, style.painting, style.caption) == ("sun-flowers", painting.name, painting.name)
    assert [found.name for found in studies.studied()] == ["sun-flowers"]
    monkeypatch.setattr(training, "study", None)
    # By its content, under whatever name.
    other = tmp_path / "other.png"
    other.write_bytes(painting.read_bytes())
    assert (studies.find(other).path, studies.find(other).name) == (style.path, "other")
    assert Stylizer(painting, device="cpu")(pixels).shape == pixels.shape
    assert studies.forget() == 1
    assert studies.is_pending(studies.find(painting))


@pytest.mark.usefixtures("short", "shipped")
def test_a_stylizer_learns_by_itself(painting, pixels, cache):
    painted = Stylizer(painting, device="cpu")(pixels)
    again = Stylizer(str(painting), device="cpu")(pixels)
    assert np.array_equal(painted, again)
    assert len(list(cache.iterdir())) == 1


@pytest.mark.usefixtures("short", "shipped")
def test_the_same_every_time(painting):
    first = styles.load_weights(studies.learn(studies.find(painting), device="cpu"))
    studies.forget()
    second = styles.load_weights(studies.learn(studies.find(painting), device="cpu"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.usefixtures("short", "shipped")
def test_a_study_that_is_stopped_leaves_nothing(painting, cache):
    def stop(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        studies.learn(studies.find(painting), device="cpu", report=stop)
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"words", "is not a picture"),
        ((1, 1), r"has 1x1 pixels: a painting to learn from needs 64 a side"),
        ((900, 40), r"has 900x40 pixels"),
    ],
)
def test_what_is_no_painting(tmp_path, picture, message, cache):
    path = tmp_path / "a.png"
    if isinstance(picture, bytes):
        path.write_bytes(picture)
    else:
        Image.new("RGB", picture).save(path)
    with pytest.raises(ArtlivesError, match=message):
        studies.find(path)
    assert not cache.exists()


def test_a_painting_that_is_not_there(tmp_path):
    with pytest.raises(ArtlivesError, match=r"none\.jpg cannot be read"):
        studies.find(tmp_path / "none.jpg")


def test_transparent_parts_are_white():
    alpha = np.array([[0, 255, 51]], np.uint8)
    photo = images.Photo(np.full((1, 3, 3), 100, np.uint8), alpha)
    assert np.asarray(images.on_white(photo))[0, :, 0].tolist() == [255, 100, 224]


@pytest.mark.usefixtures("short", "shipped")
@pytest.mark.parametrize("mode", ["L", "LA", "P"])
def test_grey_and_transparent_paintings(tmp_path, painting, mode):
    path = tmp_path / "b.png"
    Image.open(painting).convert(mode).save(path)
    assert studies.learn(studies.find(path), device="cpu").path.exists()


@pytest.mark.usefixtures("short", "shipped")
def test_of_an_animation_the_first_picture(tmp_path, painting):
    path = tmp_path / "c.gif"
    first = Image.open(painting)
    first.save(path, save_all=True, append_images=[first.rotate(180)])
    assert studies.learn(studies.find(path), device="cpu").path.exists()


@pytest.mark.usefixtures("short", "shipped")
def test_a_study_that_cannot_be_kept(painting, cache):
    cache.parent.joinpath("cache").write_text("")
    with pytest.raises(ArtlivesError, match="cannot be made"):
        studies.learn(studies.find(painting), device="cpu")


@pytest.mark.usefixtures("short", "shipped")
def test_a_damaged_study_is_made_anew(painting):
    style = studies.learn(studies.find(painting), device="cpu")
    style.path.write_bytes(b"words")
    assert studies.studied() == []
    assert studies.learn(studies.find(painting), device="cpu").path == style.path
    assert len(studies.studied()) == 1


def test_the_cache_is_bounded(cache, monkeypatch):
    monkeypatch.setattr(studies, "MOST", 3)
    mixes = [studies.find({"wave": share, "udnie": 1 - share}) for share in (0.1, 0.2, 0.3)]
    for age, mix in enumerate(reversed(mixes)):
        os.utime(mix.path, (1000 - age, 1000 - age))
    # Used again: now the second is the oldest.
    assert studies.find({"wave": 0.1, "udnie": 0.9}).path == mixes[0].path
    last = studies.find({"wave": 0.4, "udnie": 0.6})
    assert {path.name for path in cache.iterdir()} == {mix.path.name for mix in (mixes[0], mixes[2], last)}


# Mixes


@pytest.mark.parametrize(
    "spec", ["wave:0.6,udnie:0.4", "wave:3+udnie:2", {"wave": 0.6, "udnie": 0.4}, " wave:0.6, udnie:0.4"]
)
def test_a_mix_has_the_mean_of_the_weights(spec):
    mix = studies.find(spec)
    assert mix.name == "wave60-udnie40"
    assert "Hokusai" in mix.caption
    assert "Picabia" in mix.caption
    wave, udnie, mixed = (
        styles.load_weights(style) for style in (styles.find("wave"), styles.find("udnie"), mix)
    )
    for name, value in mixed.items():
        np.testing.assert_allclose(value, 0.6 * wave[name] + 0.4 * udnie[name], atol=2e-3, rtol=1e-3)
    assert mix.grain == pytest.approx(0.6 * styles.find("wave").grain + 0.4 * styles.find("udnie").grain)


def test_equal_parts_and_mixes_of_three(pixels):
    assert studies.find("wave+udnie").name == "wave50-udnie50"
    three = studies.find("wave+udnie+scream")
    assert three.name == "wave33-udnie33-scream33"
    assert Stylizer("wave+udnie", device="cpu")(pixels).std() > 10


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("wave+nobody", "no style 'nobody'"),
        ("wave:x,udnie:1", "'wave:x' is not a style and its share"),
        ("wave:0,udnie:0", "is no mix"),
        ("wave:-1,udnie:2", "is no mix"),
        ("wave:nan,udnie:2", "is no mix"),
        ("wave:0.5", "is no mix"),
    ],
)
def test_what_is_no_mix(spec, message):
    with pytest.raises(ArtlivesError, match=message):
        studies.find(spec)


def test_styles_of_another_beginning_do_not_mix(style_file, tmp_path, network, metadata):
    training_card = {**card(Recipe()), "start": "none"}
    path = tmp_path / "dots.safetensors"
    styles.save(path, network.file_weights(), name="dots", **{**metadata, "training": training_card})
    with pytest.raises(ArtlivesError, match="cannot be mixed: they were not trained from the same beginning"):
        studies.find({"wave": 0.5, str(path): 0.5})


def test_what_is_still_to_be_learnt_does_not_mix(painting):
    with pytest.raises(ArtlivesError, match="is not learnt yet"):
        studies.find({"wave": 0.5, str(painting): 0.5})
