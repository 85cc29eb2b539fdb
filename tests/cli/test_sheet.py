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
        70,
        "--device",
        "cpu",
        "-o",
        tmp_path / "s.png",
    )
    assert result.exit_code == 0, result.output
    sheet = np.asarray(Image.open(tmp_path / "s.png"))
    small = images.fit(images.load(photo), 70).pixels
    for i in range(6):
        style = {0: "dots", 5: faint}.get(i, {"dots": 1 - i / 5, faint: i / 5})
        expected = Stylizer(style, device="cpu")(small)
        assert np.array_equal(sheet[12:62, 12 + 82 * (i + 1) : 82 * (i + 2)], expected)


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
