"""Grain: one field, the same everywhere; and every engine paints with the same bits of it."""

import zlib

import numpy as np
import pytest
import torch

from artlives import core, grain, styles
from artlives.architecture import MOST_GRAIN
from artlives.engines.onnx_graph import onnx_model
from artlives.passes import mixed
from artlives.stylizer import Stylizer
from artlives.training.evaluation import psnr


def grainy_by_mixing(photo, amplitude, threads):
    target = np.empty_like(photo)
    mixed(photo, None, 0, amplitude, target, threads)
    return target


def test_the_field_is_this_one():
    """Whoever paints again next year, on another machine, wants the same picture."""
    assert zlib.crc32(grain.tile(5.0).tobytes()) == 0x5E876EBD


def test_the_field_has_no_tint_and_the_octaves_spread():
    field = grain.tile(5.0).astype(float)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(5 * 1.65, rel=0.02)
    # Neighbours are alike, since the coarse octaves are, but not equal: there is one of single pixels.
    assert 0.4 < np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1] < 0.7
    assert grain.tile(0).any() == np.False_


@pytest.mark.parametrize("amplitude", [-1, MOST_GRAIN + 1, float("nan")])
def test_what_is_no_amplitude(amplitude):
    with pytest.raises(ValueError, match="grain must be within 0 and 20"):
        grain.tile(amplitude)


def test_it_is_periodic_and_tied_to_the_pictures_place():
    photo = np.full((40, 1200, 3), 128, np.uint8)
    whole = grain.added(photo, 5.0)
    assert np.array_equal(whole[:, : grain.PERIOD], whole[:, grain.PERIOD : 2 * grain.PERIOD])
    part = grain.added(photo[7:, 600:], 5.0, top=7, left=600)
    assert np.array_equal(part, whole[7:, 600:])
    # The grain has no colour.
    assert (whole == whole[..., :1]).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_what_is_added_stays_within_the_picture(value):
    photo = np.full((64, 64, 3), value, np.uint8)
    expected = (photo.astype(int) + grain.tile(5.0)[:64, :64, None]).clip(0, 255)
    assert np.array_equal(grain.added(photo, 5.0), expected)
    assert np.array_equal(grain.added(photo.astype(np.float32), 5.0), expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (37, 700), (1100, 31)])
def test_the_same_bits_with_and_without_the_core(size, threads, monkeypatch):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    expected = grain.added(photo, 5.0)
    assert np.array_equal(grainy_by_mixing(photo, 5.0, threads), expected)
    assert np.array_equal(grainy_by_mixing(photo.astype(np.float32), 5.0, threads), expected)
    monkeypatch.setattr(core, "instruction_sets", dict)
    assert np.array_equal(grainy_by_mixing(photo, 5.0, threads), expected)


@pytest.fixture(scope="module")
def grainy_style(tmp_path_factory, network, metadata):
    path = tmp_path_factory.mktemp("grain") / "dots.safetensors"
    training = {**metadata["training"], "grain": 6.0}
    styles.save(path, network.file_weights(), name="dots", **{**metadata, "training": training})
    return styles.read(path)


def test_every_engine_paints_with_it(grainy_style, style_file, monkeypatch):
    """What the network makes of the grainy photo, each engine makes of the photo."""
    runtime = pytest.importorskip("onnxruntime")
    photo = np.random.default_rng(1).integers(60, 200, (6, 9, 3), np.uint8).repeat(9, 0).repeat(9, 1)
    plain = Stylizer(style_file, device="cpu", one_pass=True, precision="fp32")
    expected = plain(grain.added(photo, 6.0)).astype(int)
    # The grain changes the painting.
    assert np.abs(expected - plain(photo)).mean() > 2
    by_core = Stylizer(grainy_style, device="cpu", one_pass=True, precision="fp32")(photo)
    model = runtime.InferenceSession(onnx_model(grainy_style).SerializeToString())
    (painting,) = model.run(None, {"photo": photo.transpose(2, 0, 1)[None].astype(np.float32)})
    monkeypatch.setattr("artlives.engines.compiled.reason_against", lambda steps: "it is missing")
    by_torch = Stylizer(grainy_style, device="cpu", one_pass=True, precision="fp32")(photo)
    for painted in (by_core, by_torch, painting[0].transpose(1, 2, 0)):
        assert np.abs(painted - expected).max() <= 1


def test_the_model_holds_the_very_field(grainy_style):
    initializers = {entry.name: entry for entry in onnx_model(grainy_style).graph.initializer}
    field = np.frombuffer(initializers["grain"].raw_data, np.int8).reshape(grain.PERIOD, grain.PERIOD)
    assert np.array_equal(field, grain.tile(6.0))


def test_styles_of_before_get_none(style_file, grainy_style):
    assert styles.find(style_file).grain == 0
    assert grainy_style.grain == 6.0


def test_it_stays_in_place_while_the_picture_moves(grainy_style):
    """An even picture is painted alike whatever part of a film it is: the field belongs to the canvas."""
    stylizer = Stylizer(grainy_style, device="cpu", one_pass=True)
    first, second = (stylizer(np.full((64, 64, 3), value, np.uint8)) for value in (120, 121))
    assert psnr(torch.tensor(first).float(), torch.tensor(second).float()) > 40
