import io
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.stylizer import Stylizer


@pytest.fixture
def stylize(run, style_file):
    """Run `artlives stylize` with the style of nobody, on the CPU."""

    def invoke(*arguments, **options):
        return run("stylize", *arguments, "--style", style_file, "--device", "cpu", **options)

    return invoke


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def one_line(result, *parts) -> bool:
    """Whether a command failed with one line that holds all of `parts`."""
    lines = result.stderr.splitlines()
    assert (result.exit_code, result.stdout, len(lines)) == (1, "", 1), result.output
    assert lines[0].startswith("artlives: ")
    return all(str(part) in lines[0] for part in parts)


# What is written where


def test_beside_the_photo(stylize, photo_file):
    before = photo_file.read_bytes()
    result = stylize(photo_file)
    out = photo_file.with_name("photo-dots.jpg")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{out}\n", "")
    assert names(photo_file.parent) == ["photo-dots.jpg", "photo.jpg"]
    assert photo_file.read_bytes() == before
    painting, photo = images.load(out), images.load(photo_file)
    assert painting.pixels.shape == photo.pixels.shape
    assert np.abs(painting.pixels.astype(int) - photo.pixels).mean() > 10


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.jpeg", "a-dots.jpeg"),
        ("A.JPG", "A-dots.JPG"),
        ("a.png", "a-dots.png"),
        ("a.webp", "a-dots.webp"),
        ("a.tif", "a-dots.tif"),
        ("a.bmp", "a-dots.bmp"),
        ("a.gif", "a-dots.png"),
        ("a.b.png", "a.b-dots.png"),
        ("a", "a-dots.png"),
    ],
)
def test_format_of_the_photo_where_it_can_be_written(stylize, tmp_path, pixels, name, written):
    format = {"": "PNG", ".JPG": "JPEG", ".tif": "TIFF"}.get((tmp_path / name).suffix)
    Image.fromarray(pixels).save(tmp_path / name, format)
    assert stylize(tmp_path / name).exit_code == 0
    assert names(tmp_path) == sorted([name, written])
    assert images.load(tmp_path / written).format == images.WRITTEN[(tmp_path / written).suffix.lower()]


def test_a_shipped_style_by_name(run, shipped, photo_file):
    assert run("stylize", photo_file, "--style", "stripes").exit_code == 0
    assert names(photo_file.parent) == ["photo-stripes.jpg", "photo.jpg"]


def test_output_file_folder_and_new_folder(stylize, photo_file, tmp_path):
    (tmp_path / "there").mkdir()
    for output, written in [
        ("other.png", "other.png"),
        ("there", "there/photo-dots.jpg"),
        ("new/deep/", "new/deep/photo-dots.jpg"),
        ("there/name.webp", "there/name.webp"),
    ]:
        # not joined as paths: that would lose the slash at the end
        result = stylize(photo_file, "-o", f"{tmp_path}/{output}")
        assert (result.exit_code, result.stdout) == (0, f"{tmp_path / written}\n")
        assert images.load(tmp_path / written).pixels.shape == (40, 56, 3)


def test_options_reach_the_picture(stylize, photo_file, style_file):
    out = photo_file.with_name("out.png")
    options = {"size": 32, "strength": 0.4, "keep_colors": True}
    result = stylize(photo_file, "-o", out, "--size", 32, "--strength", 0.4, "--keep-colors")
    assert result.exit_code == 0
    expected = Stylizer(style_file, device="cpu", **options)(images.load(photo_file))
    assert np.array_equal(images.load(out).pixels, expected.pixels)
    assert expected.pixels.shape == (23, 32, 3)


def test_strength_0_is_the_photo(stylize, photo_file):
    out = photo_file.with_name("out.png")
    stylize(photo_file, "-o", out, "--strength", 0)
    assert np.array_equal(images.load(out).pixels, images.load(photo_file).pixels)


def test_quality(stylize, photo_file):
    sizes = []
    for quality in (20, 95):
        stylize(photo_file, "--quality", quality, "--overwrite")
        sizes.append(photo_file.with_name("photo-dots.jpg").stat().st_size)
    assert sizes[0] < sizes[1]


def test_an_oddity_is_told_in_a_line(stylize, photo_file, pixels):
    Image.fromarray(pixels).save(photo_file, icc_profile=b"rubbish")
    result = stylize(photo_file)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"artlives: {photo_file}: its colour profile was passed over")
    assert result.stderr.count("\n") == 1


# Standard input and output


def test_from_standard_input_to_standard_output(stylize, photo_file):
    result = stylize("-", input=photo_file.read_bytes())
    assert (result.exit_code, result.stderr) == (0, "")
    stylize(photo_file)
    assert result.stdout_bytes == photo_file.with_name("photo-dots.jpg").read_bytes()


def test_from_standard_input_to_a_file(stylize, photo_file):
    out = photo_file.with_name("out.png")
    result = stylize("-", "-o", out, input=photo_file.read_bytes())
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert images.load(out).pixels.shape == (40, 56, 3)


def test_from_a_file_to_standard_output(stylize, tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.gif")
    result = stylize(tmp_path / "a.gif", "-o", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    assert Image.open(io.BytesIO(result.stdout_bytes)).format == "PNG"
    assert names(tmp_path) == ["a.gif"]


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"words", "is not a picture")])
def test_bad_standard_input(stylize, content, message):
    assert one_line(stylize("-", input=content), "standard input", message)


def test_pipe_in_processes_of_their_own(python, style_file, photo_file):
    result = python("-m", "artlives", "stylize", "-", "--style", style_file, input=photo_file.read_bytes())
    assert (result.returncode, result.stderr) == (0, b"")
    assert Image.open(io.BytesIO(result.stdout)).size == (56, 40)


@pytest.mark.parametrize(
    "arguments", [["-", "photo.jpg"], ["-", "-o", "."], ["photo.jpg", "b.jpg", "-o", "-"], [""]]
)
def test_streams_that_make_no_sense_are_usage_errors(stylize, arguments, photo_file, monkeypatch):
    monkeypatch.chdir(photo_file.parent)
    assert stylize(*arguments).exit_code == 2
    assert names(photo_file.parent) == ["photo.jpg"]


# What is there already


def test_an_existing_file_is_left_alone(stylize, photo_file):
    out = photo_file.with_name("photo-dots.jpg")
    out.write_bytes(b"mine")
    assert one_line(stylize(photo_file), out, "--overwrite")
    assert out.read_bytes() == b"mine"
    assert stylize(photo_file, "--overwrite").exit_code == 0
    assert images.load(out).pixels.shape == (40, 56, 3)


def test_a_photo_is_never_overwritten(stylize, photo_file, tmp_path):
    before = photo_file.read_bytes()
    (tmp_path / "link.jpg").symlink_to(photo_file)
    for output in (photo_file, tmp_path / "link.jpg"):
        assert one_line(stylize(photo_file, "-o", output, "--overwrite"), "itself one of the photos")
    assert photo_file.read_bytes() == before


def test_a_photo_is_not_overwritten_by_another(stylize, photo_file):
    other = photo_file.with_name("photo-dots.jpg")
    shutil.copy(photo_file, other)
    before = other.read_bytes()
    result = stylize(photo_file, other, "--overwrite")
    assert result.exit_code == 1
    assert other.read_bytes() == before
    assert names(photo_file.parent) == ["photo-dots-dots.jpg", "photo-dots.jpg", "photo.jpg"]


def test_two_photos_with_one_name_are_refused_before_work(stylize, photo_file, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copy(photo_file, tmp_path / "more")
    result = stylize(photo_file, tmp_path / "more" / "photo.jpg", "-o", tmp_path / "out")
    assert one_line(result, photo_file, tmp_path / "more" / "photo.jpg", "would both be written to")
    assert not (tmp_path / "out").exists()


def test_one_photo_named_twice_is_painted_once(stylize, photo_file):
    result = stylize(photo_file, photo_file)
    assert (result.exit_code, result.stderr) == (0, "1 painted, 0 failed\n")


# Folders and several photos


@pytest.fixture
def album(tmp_path, pixels):
    """A folder with two photos, and much that is none."""
    folder = tmp_path / "album"
    (folder / "inner.jpg").mkdir(parents=True)
    for name in ("a.jpg", "b.png", ".hidden.jpg", "big-dots.jpg"):
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_folder(stylize, album):
    result = stylize(album)
    assert (result.exit_code, result.stderr) == (0, "3 painted, 0 failed\n")
    painted = ["a-dots.jpg", "b-dots.png", "big-dots-dots.jpg"]
    assert result.stdout.splitlines() == [str(album / name) for name in painted]


@pytest.mark.usefixtures("shipped")
def test_folder_again_does_not_paint_paintings(stylize, run, album):
    stylize(album)
    before = names(album)
    result = stylize(album)
    assert (result.exit_code, names(album)) == (1, before)
    assert result.stderr.count("is there already") == 3
    assert "0 painted, 3 failed" in result.stderr
    assert run("stylize", album, "--style", "stripes").stderr == "3 painted, 0 failed\n"
    assert not [name for name in names(album) if "dots-stripes" in name and not name.startswith("big")]


def test_in_a_folder_with_broken_files_the_others_get_done(stylize, album, photo_file, tmp_path):
    (album / "cut.jpg").write_bytes(photo_file.read_bytes()[:-300])
    (album / "empty.png").touch()
    (album / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    Image.new("RGB", (1, 1)).save(album / "dot.bmp")
    result = stylize(album, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert names(tmp_path / "out") == ["a-dots.jpg", "b-dots.png", "big-dots-dots.jpg"]
    *failures, summary = result.stderr.splitlines()
    assert summary == "3 painted, 4 failed"
    for name in ("cut.jpg", "empty.png", "phone.heic", "dot.bmp"):
        assert len([line for line in failures if str(album / name) in line]) == 1


def test_several_photos_one_of_them_missing(stylize, photo_file):
    result = stylize(photo_file, photo_file.with_name("none.jpg"))
    assert result.exit_code == 1
    assert result.stdout == f"{photo_file.with_name('photo-dots.jpg')}\n"
    assert "none.jpg cannot be read" in result.stderr
    assert result.stderr.endswith("1 painted, 1 failed\n")


def test_folder_without_pictures(stylize, tmp_path):
    assert one_line(stylize(tmp_path), tmp_path, "holds no pictures")


def test_several_photos_into_a_file(stylize, photo_file, album):
    assert one_line(stylize(album, "-o", photo_file), photo_file, "cannot be made a folder")


# Bad input


def test_bad_photos(stylize, photo_file, tmp_path):
    data = photo_file.read_bytes()
    for name, content, message in [
        ("text.jpg", b"words", "is not a picture"),
        ("cut.jpg", data[: len(data) // 2], "is damaged or cut short"),
        ("empty.jpg", b"", "is empty"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(50), "HEIC"),
    ]:
        (tmp_path / name).write_bytes(content)
        assert one_line(stylize(tmp_path / name), tmp_path / name, message)
        assert names(tmp_path) == sorted(["photo.jpg", name])
        (tmp_path / name).unlink()


def test_picture_of_1_pixel(stylize, tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert one_line(stylize(tmp_path / "dot.png"), tmp_path / "dot.png", "1x1 pixels are too small", "16")
    assert names(tmp_path) == ["dot.png"]


@pytest.mark.parametrize("name", ["none.jpg", "none/none.jpg", "x" * 300 + ".jpg"])
def test_missing_photo(stylize, tmp_path, name):
    assert one_line(stylize(tmp_path / name), tmp_path / name, "cannot be read")


@pytest.mark.usefixtures("shipped")
def test_unknown_style_names_the_nearest(run, photo_file):
    assert one_line(
        run("stylize", photo_file, "--style", "strips"), "did you mean 'stripes'", "dots, stripes"
    )


def test_bad_model_files(run, photo_file, style_file, tmp_path):
    cut, foreign = tmp_path / "cut.safetensors", tmp_path / "model.pth"
    cut.write_bytes(style_file.read_bytes()[:-100])
    foreign.write_bytes(b"PK\3\4" + bytes(100))
    for path in (cut, foreign, photo_file, tmp_path / "none.safetensors"):
        assert one_line(run("stylize", photo_file, "--style", path), path)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("none/out.jpg", "there is no folder"),
        ("photo.jpg/out.jpg", "there is no folder"),
        ("photo.jpg/", "cannot be made a folder"),
        ("out.gif", "one of the endings"),
        ("out", "one of the endings"),
    ],
)
def test_outputs_that_cannot_be(stylize, photo_file, output, message):
    assert one_line(stylize(photo_file, "-o", f"{photo_file.parent}/{output}"), message)
    assert names(photo_file.parent) == ["photo.jpg"]


def test_folder_without_permission(stylize, photo_file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert one_line(stylize(photo_file), "no permission in the folder", photo_file.parent)


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_full_disk(python, style_file, photo_file):
    """A limit on the size of files stands in for a disk that fills up."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    out = photo_file.with_name("out.png")
    result = python(
        "-m", "artlives", "stylize", photo_file, "--style", style_file, "-o", out, preexec_fn=limit
    )
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode() == f"artlives: {out} cannot be written: File too large\n"
    assert names(photo_file.parent) == ["photo.jpg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_standard_output(photo_file, style_file, python):
    code = "import sys; sys.stdout = open('/dev/full', 'w'); from artlives.cli import main; main()"
    result = python("-c", code, "stylize", photo_file, "--style", style_file, "-o", "-")
    assert result.returncode == 1
    assert result.stderr.decode().startswith("artlives: standard output cannot be written: No space left")


def test_no_such_device(run, photo_file, style_file):
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("it is there")
    assert one_line(run("stylize", photo_file, "--style", style_file, "--device", "mps"), "no device 'mps'")


def test_interrupt(stylize, photo_file, monkeypatch):
    monkeypatch.setattr(Stylizer, "__call__", lambda *_: signal.raise_signal(signal.SIGINT))
    result = stylize(photo_file)
    assert (result.exit_code, result.stderr) == (130, "artlives: interrupted\n")
    assert names(photo_file.parent) == ["photo.jpg"]
