import pytest

from artlives import styles
from artlives.explanation import reconstruction


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    monkeypatch.setattr(reconstruction, "STEPS", 2)
    monkeypatch.setattr(reconstruction, "LOOK", 2)


@pytest.mark.usefixtures("shipped")
def test_writes_a_page_and_says_how_far_it_is(run, photo_file):
    result = run("explain", photo_file, "--style", "dots", "--device", "cpu")
    page = photo_file.with_name("photo-dots.html")
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    first, *_, last = result.stderr.splitlines()
    assert first == "what conv1_1 keeps of the photo (0 of 5 pictures are made)"
    assert last == "the page (5 of 5 pictures are made)"


def test_a_mix_is_shown_if_it_is_one_network(run, photo_file, tmp_path, network, metadata):
    result = run("explain", photo_file, "--style", "wave+udnie", "--device", "cpu")
    assert result.exit_code == 0
    page = photo_file.with_name("photo-wave50-udnie50.html").read_text("utf-8")
    assert "The Great Wave off Kanagawa and Udnie" in page
    own = {**metadata, "training": {"start": "none", "grain": 0}}
    styles.save(tmp_path / "own.safetensors", network.file_weights(), name="own", **own)
    style = f"wave:0.5,{tmp_path / 'own.safetensors'}:0.5"
    result = run("explain", photo_file, "--style", style, "-o", tmp_path / "b.html")
    assert result.exit_code == 1
    assert "a page shows one network" in result.stderr
    assert not (tmp_path / "b.html").exists()


@pytest.mark.usefixtures("shipped")
def test_a_page_that_is_there_is_left_alone(run, photo_file, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    arguments = ("explain", photo_file, "--style", "dots", "-o", page, "--device", "cpu")
    result = run(*arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "--overwrite" in result.stderr
    assert page.read_text() == "mine"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert page.read_text() != "mine"


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("photo", "options", "status", "message"),
    [
        ("none.jpg", ["--style", "dots"], 2, "none.jpg"),
        ("photo.jpg", ["--style", "dot"], 1, "did you mean 'dots'"),
        ("photo.jpg", ["--style", "dots", "-o", "out"], 2, "does not end in .html"),
        ("photo.jpg", ["--style", "dots", "-o", "none/out.html"], 1, "there is no folder none"),
        ("photo.jpg", ["--style", "dots", "--painting", "none.jpg"], 2, "none.jpg"),
        ("photo.jpg", ["--style", "dots", "--perceptual", "tensorflow"], 2, "tensorflow"),
        ("bad.jpg", ["--style", "dots"], 1, "bad.jpg is not a picture"),
        (
            "photo.jpg",
            ["--style", "dots", "--perceptual", "bad.safetensors"],
            1,
            "bad.safetensors",
        ),
    ],
)
def test_bad_input(run, photo_file, monkeypatch, photo, options, status, message):
    monkeypatch.chdir(photo_file.parent)
    for name in ("bad.jpg", "bad.safetensors"):
        (photo_file.parent / name).write_bytes(b"words")
    result = run("explain", photo, *options)
    assert result.exit_code == status
    assert message in result.stderr
    assert not list(photo_file.parent.glob("*.html"))
