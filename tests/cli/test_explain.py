import pytest

from artlives.explanation import reconstruction


@pytest.fixture(autouse=True)
def few_iterations(monkeypatch):
    monkeypatch.setattr(reconstruction, "ITERATIONS", 2)


def test_writes_a_page(run, style_file, photo_file, tmp_path):
    result = run("explain", photo_file, "--style", style_file, "-o", tmp_path / "out", "--device", "cpu")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out' / 'index.html'}\n")
    assert (tmp_path / "out" / "pictures" / "01-convolution.png").is_file()


def test_a_page_that_is_there_is_left_alone(run, style_file, photo_file, tmp_path):
    (tmp_path / "index.html").write_text("mine")
    arguments = ("explain", photo_file, "--style", style_file, "-o", tmp_path, "--device", "cpu")
    result = run(*arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "--overwrite" in result.stderr
    assert (tmp_path / "index.html").read_text() == "mine"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert (tmp_path / "index.html").read_text() != "mine"


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("photo", "options", "status", "message"),
    [
        ("none.jpg", ["--style", "dots", "-o", "out"], 2, "none.jpg"),
        ("photo.jpg", ["--style", "dot", "-o", "out"], 1, "did you mean 'dots'"),
        ("photo.jpg", ["--style", "dots"], 2, "-o"),
        ("photo.jpg", ["--style", "dots", "-o", "photo.jpg"], 1, "is not a folder"),
        ("photo.jpg", ["--style", "dots", "-o", "out", "--painting", "none.jpg"], 2, "none.jpg"),
        ("photo.jpg", ["--style", "dots", "-o", "out", "--perceptual", "tensorflow"], 2, "tensorflow"),
        ("bad.jpg", ["--style", "dots", "-o", "out"], 1, "bad.jpg is not a picture"),
        (
            "photo.jpg",
            ["--style", "dots", "-o", "out", "--perceptual", "bad.safetensors"],
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
    assert not (photo_file.parent / "out").exists()
