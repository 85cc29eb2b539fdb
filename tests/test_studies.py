"""Styles that are made when they are asked for: learnt from a painting's picture, and mixed."""

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer, images, studies, styles
from artlives.engines import compiled
from artlives.engines.painter import Way
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
    assert studies.pending(pending) == [pending]
    assert (pending.name, pending.grain) == ("sun-flowers", 5.0)
    told = []
    style = studies.learn(pending, device="cpu", report=told.append)
    assert told == [1, 2]
    assert (style.name, style.painting, style.caption) == ("sun-flowers", painting.name, painting.name)
    assert [found.name for found in studies.studied()] == ["sun-flowers"]
    monkeypatch.setattr(training, "Study", None)
    # By its content, under whatever name.
    other = tmp_path / "other.png"
    other.write_bytes(painting.read_bytes())
    assert (studies.find(other).path, studies.find(other).name) == (style.path, "other")
    assert Stylizer(painting, device="cpu")(pixels).shape == pixels.shape
    assert studies.forget() == 1
    assert studies.pending(studies.find(painting))


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


@pytest.mark.usefixtures("short", "shipped")
def test_the_cache_is_bounded(cache, painting, tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "MOST", 3)

    def learnt(name):
        path = tmp_path / f"{name}.png"
        Image.open(painting).rotate(90 * len(name)).save(path)
        return path, studies.learn(studies.find(path), device="cpu")

    kept = [learnt("a" * count) for count in (1, 2, 3)]
    for age, (_, style) in enumerate(reversed(kept)):
        os.utime(style.path, (1000 - age, 1000 - age))
    # Used again: now the second is the oldest.
    assert studies.find(kept[0][0]).path == kept[0][1].path
    _, last = learnt("a" * 4)
    assert {path.name for path in cache.iterdir()} == {
        style.path.name for style in (kept[0][1], kept[2][1], last)
    }


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
        np.testing.assert_allclose(value, 0.6 * wave[name] + 0.4 * udnie[name], rtol=1e-5, atol=1e-6)
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
        ("wave:0.5", "^'wave:0.5' is no mix"),
        ("wave,", "'' is not a style and its share"),
        (",", "'' is not a style and its share"),
        (":1", "':1' is not a style and its share"),
        ("wave+wave", "names wave twice"),
        # A longer name than a file can have.
        ("x" * 300, "no style 'xxx"),
    ],
)
def test_what_is_no_mix(spec, message):
    with pytest.raises(ArtlivesError, match=message):
        studies.find(spec)


@pytest.mark.parametrize("device", ["cpu", "torch"])
def test_a_mix_is_painted_as_its_mean_weights_say(pixels, tmp_path, metadata, device, monkeypatch):
    """On each engine it is what a style file of the mean weights, made by hand, paints."""
    if device == "torch":
        monkeypatch.setattr(compiled, "reason_against", lambda steps: "it is not asked")
    wave, udnie = (styles.load_weights(styles.find(name)) for name in ("wave", "udnie"))
    mean = {name: 0.6 * wave[name] + 0.4 * udnie[name] for name in wave}
    mix = studies.find("wave:0.6,udnie:0.4")
    by_hand = replace(mix, weights=mean)
    engine = Stylizer(mix, device="cpu").engine
    assert engine == ("torch" if device == "torch" else "compiled")
    assert np.array_equal(Stylizer(mix, device="cpu")(pixels), Stylizer(by_hand, device="cpu")(pixels))


@pytest.fixture
def of_its_own(tmp_path, network, metadata):
    """The file of a style that was trained from random weights."""
    path = tmp_path / "own.safetensors"
    training_card = {**card(Recipe()), "start": "none"}
    styles.save(path, network.file_weights(), name="own", **{**metadata, "training": training_card})
    return path


def test_styles_of_another_start_are_mixed_in_their_pictures(of_its_own, pixels):
    mix = studies.find({"wave": 0.75, str(of_its_own): 0.25})
    assert (mix.name, mix.weights) == ("wave75-own25", None)
    options = {"device": "cpu", "one_pass": True, "grain": 0}
    wave, own = (Stylizer(name, **options)(pixels).astype(float) for name in ("wave", of_its_own))
    painted = Stylizer(mix, **options)(pixels)
    assert np.abs(painted - (0.75 * wave + 0.25 * own)).max() <= 1.01


def test_mixes_of_pictures_on_every_way(of_its_own, pixels):
    """In strips, of uint8 and of floats, with a mix as a part, and as a copy that was pickled."""
    mix = studies.find({"wave+udnie": 0.5, str(of_its_own): 0.5})
    stylizer = Stylizer(mix, device="cpu")
    large = np.tile(pixels, (6, 6, 1))
    assert Way.HALF_STRIPS in stylizer.painter.ways(*large.shape[:2])
    (whole,) = stylizer.painter.paint([large.copy()])
    for dtype in (np.uint8, np.float32):
        (strips,) = stylizer.painter.paint([large.astype(dtype)], way=Way.HALF_STRIPS)
        assert strips.dtype == dtype
        assert np.abs(strips - whole.astype(float)).max() <= 2
    assert np.array_equal(pickle.loads(pickle.dumps(stylizer))(pixels), stylizer(pixels))


@pytest.mark.usefixtures("short", "shipped")
def test_paintings_in_mixes_are_learnt(painting, pixels, of_its_own):
    mix = studies.find({"dots": 0.5, str(painting): 0.5})
    assert [style.name for style in studies.pending(mix)] == ["sun-flowers"]
    learnt = studies.learn(mix, device="cpu")
    assert (learnt.name, studies.pending(learnt)) == ("dots50-sun-flowers50", [])
    assert np.array_equal(
        Stylizer(mix, device="cpu")(pixels), Stylizer({"dots": 1, str(painting): 1}, device="cpu")(pixels)
    )


def test_a_style_without_weights_of_its_own(of_its_own):
    with pytest.raises(ValueError, match="no weights of its own"):
        styles.load_weights(studies.find({"wave": 0.5, str(of_its_own): 0.5}))
