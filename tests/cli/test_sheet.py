from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from artlives import Stylizer, images, styles
from artlives.cli.sheet import sheet
from artlives.sheet import contact_sheet


@pytest.fixture
def photo(tmp_path, models, monkeypatch):
    monkeypatch.setattr(styles, "models_folder", lambda: models)
    path = tmp_path / "photo.png"
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    Image.fromarray(coarse).resize((140, 100)).save(path)
    return path


def run(*arguments):
    return CliRunner().invoke(sheet, [str(a) for a in arguments])


def test_the_photo_and_every_style_are_on_it(photo):
    result = run(photo, "--columns", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    picture = np.asarray(Image.open(photo.with_name("photo-sheet.jpg")))
    assert picture.shape[1] == 2 * 140 + 3 * 12
    assert picture.shape[0] > 2 * 100
    first, second = picture[12:112, 12:152].astype(int), picture[12:112, 164:304].astype(int)
    assert np.abs(first - np.asarray(Image.open(photo))).mean() < 10
    assert np.abs(first - second).mean() > 20


def test_styles_are_those_asked_for(photo, tmp_path):
    result = run(photo, "--styles", "stripes", "-o", tmp_path / "one.png", "--columns", 5, "--size", 70)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "one.png") as image:
        assert image.width == 2 * 70 + 3 * 12


def test_the_way_from_one_style_to_another(photo, tmp_path, network, metadata):
    weights = {name: value * 0.7 for name, value in network.file_weights().items()}
    styles.save(tmp_path / "faint.safetensors", weights, name="faint", **metadata)
    faint = str(tmp_path / "faint.safetensors")
    result = run(
        photo,
        "--mix",
        "dots",
        faint,
        "--columns",
        7,
        "--size",
        140,
        "--device",
        "cpu",
        "-o",
        tmp_path / "s.png",
    )
    assert result.exit_code == 0, result.output
    sheet = np.asarray(Image.open(tmp_path / "s.png"))
    small = images.fit(images.load(photo), 140).pixels
    for i in range(6):
        style = {0: "dots", 5: faint}.get(i, {"dots": 1 - i / 5, faint: i / 5})
        expected = Stylizer(style, device="cpu")(small)
        assert np.array_equal(sheet[12:112, 12 + 152 * (i + 1) : 152 * (i + 2)], expected)


def test_two_different_sheets_at_once(photo):
    result = run(photo, "--mix", "dots", "stripes", "--styles", "dots")
    assert result.exit_code == 2
    assert "--styles and --mix" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mix", "dots", "nobody"], "nobody"),
        (["--styles", "strpes"], "stripes"),
        (["-o", "sheet.xyz"], "sheet.xyz"),
        (["-o", "nowhere/sheet.png"], "nowhere"),
    ],
)
def test_errors_are_one_line(photo, arguments, message):
    result = run(photo, *arguments)
    assert result.exit_code == 1
    assert message in str(result.exception)


def test_nothing_is_replaced_unasked(photo):
    target = photo.with_name("photo-sheet.jpg")
    target.write_text("mine")
    assert "--overwrite" in str(run(photo).exception)
    assert "itself" in str(run(photo, "-o", photo, "--overwrite").exception)
    assert target.read_text() == "mine"
    assert run(photo, "--overwrite").exit_code == 0
    with Image.open(target) as image:
        assert image.width > 140


def test_a_long_line_is_shortened():
    tile = Image.new("RGB", (90, 60))
    short = np.asarray(contact_sheet([(tile, "name", "a line")], 1))
    long = np.asarray(contact_sheet([(tile, "name", "a line that goes on and on and on and on")], 1))
    assert short.shape == long.shape
    assert (long[:, -12:] == 255).all()


def test_titles_are_never_cut():
    """Pictures of 16 pixels lie in columns that are as wide as the longest name."""
    tile = Image.new("RGB", (16, 30), "red")
    narrow = np.asarray(contact_sheet([(tile, name, "") for name in ("photo", "rain-princess")], 2))
    alone = np.asarray(contact_sheet([(tile, "rain-princess", "")], 1))
    column = alone.shape[1] - 24
    assert narrow.shape[1] == 2 * column + 36
    # The first title ends before the second column, and the second before the margin.
    assert (narrow[42:, 12 + column : 24 + column] == 255).all()
    assert (narrow[42:, -12:] == 255).all()
    assert (narrow[42:, 24 + column : -12] == alone[42:, 12:-12]).all()
    assert (narrow[12:42, 12:28] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("05-日本.jpg", "05-RiBen.jpg"),
        ("Привет", "Privet"),
        ("Géricault", "Gericault"),
        ("a\nb\tc\x1b", "a b c "),
        ("bad\udcff.jpg", "bad.jpg"),
    ],
)
def test_other_scripts_are_transliterated(text, plain):
    tile = Image.new("RGB", (200, 60))
    sheets = [np.asarray(contact_sheet([(tile, some, some)], 1)) for some in (text, plain)]
    assert np.array_equal(*sheets)


def test_a_photo_that_is_too_narrow_is_named(photo, tmp_path):
    Image.new("RGB", (3000, 40)).save(tmp_path / "wide.png")
    message = str(run(tmp_path / "wide.png", "--device", "cpu").exception)
    assert message.startswith(f"{tmp_path / 'wide.png'}: 640x9 pixels are too small")


def test_quality_and_a_long_name(photo):
    long = photo.with_name("x" * 250 + ".png")
    photo.rename(long)
    sizes = []
    for quality in (20, 95):
        result = run(long, "--quality", quality, "--overwrite", "--device", "cpu")
        assert result.exit_code == 0, result.output
        sizes.append(Path(result.stdout.strip()).stat().st_size)
    assert sizes[0] < sizes[1]
