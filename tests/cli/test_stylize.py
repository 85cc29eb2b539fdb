import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.cli.options import Bytes
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


def test_a_photo_alone_is_painted_in_the_style_wave(run, photo_file, style_file, monkeypatch):
    monkeypatch.setattr("artlives.styles.files", lambda: {"wave": style_file})
    monkeypatch.chdir(photo_file.parent)
    for arguments in (["photo.jpg"], ["./photo.jpg", "--overwrite"], ["--overwrite", "photo.jpg"]):
        assert run(*arguments, "--device", "cpu").stdout == "photo-dots.jpg\n"
    assert run("-", input=photo_file.read_bytes()).stdout_bytes[:2] == b"\xff\xd8"


@pytest.mark.usefixtures("shipped")
def test_all_styles_a_file_each(run, photo_file, tmp_path):
    arguments = ("stylize", photo_file, "--style", "all", "--device", "cpu")
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "2 painted, 0 failed\n")
    assert names(tmp_path) == ["photo-dots.jpg", "photo-stripes.jpg", "photo.jpg"]
    (tmp_path / "photo-dots.jpg").unlink()
    assert run(*arguments).stderr == "1 painted, 1 there already, 0 failed\n"
    # In a folder, paintings of one style are no photos of the other.
    assert run("stylize", tmp_path, "--style", "all", "-o", tmp_path / "out").stderr.startswith("2 painted")
    assert names(tmp_path / "out") == ["photo-dots.jpg", "photo-stripes.jpg"]


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


@pytest.mark.parametrize(("size", "told"), [(56, False), (57, True)])
def test_a_size_that_the_photo_does_not_have_is_told(stylize, photo_file, size, told):
    result = stylize(photo_file, "--size", size)
    line = f"artlives: {photo_file} has 56x40 pixels: its painting gets no larger by --size 57\n"
    assert (result.exit_code, result.stderr) == (0, line if told else "")


@pytest.mark.parametrize("there", [True, False])
def test_open_shows_the_painting_or_the_folder(stylize, photo_file, tmp_path, monkeypatch, there):
    opened = []
    monkeypatch.setattr("click.launch", lambda path: opened.append(path) or int(not there))
    result = stylize(photo_file, "--open")
    assert opened.pop() == str(photo_file.with_name("photo-dots.jpg"))
    assert ("no program was found" in result.stderr) is not there
    assert result.exit_code == 0
    shutil.copy(photo_file, tmp_path / "b.jpg")
    stylize(photo_file, tmp_path / "b.jpg", "-o", tmp_path / "out", "--open")
    assert opened.pop() == str(tmp_path / "out")
    # Nothing was painted.
    stylize(photo_file, "--open")
    assert not opened


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


def test_of_two_photos_with_one_name_the_first_is_painted(stylize, photo_file, tmp_path):
    (tmp_path / "more").mkdir()
    other = shutil.copy(photo_file, tmp_path / "more")
    for summary in ("1 painted, 1 failed", "0 painted, 1 there already, 1 failed"):
        result = stylize(photo_file, other, "-o", tmp_path / "out")
        assert result.exit_code == 1
        first, last = result.stderr.splitlines()
        assert first.startswith(
            f"artlives: {other} would be written to {tmp_path / 'out' / 'photo-dots.jpg'}"
        )
        assert str(photo_file) in first
        assert last == summary
    assert names(tmp_path / "out") == ["photo-dots.jpg"]


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
def test_folder_again_goes_on_where_it_was(stylize, run, album):
    stylize(album)
    (album / "b-dots.png").unlink()
    (album / "a-dots.jpg").write_bytes(b"done")
    result = stylize(album)
    assert (result.exit_code, result.stdout) == (0, f"{album / 'b-dots.png'}\n")
    assert result.stderr == "1 painted, 2 there already, 0 failed\n"
    assert (album / "a-dots.jpg").read_bytes() == b"done"
    assert stylize(album, "--overwrite").stderr == "3 painted, 0 failed\n"
    assert images.load(album / "a-dots.jpg").pixels.shape == (40, 56, 3)
    assert run("stylize", album, "--style", "stripes").stderr == "3 painted, 0 failed\n"
    assert not [name for name in names(album) if "dots-stripes" in name and not name.startswith("big")]


def test_subfolders_keep_their_places(stylize, album, photo_file):
    for folder in ("summer/beach", ".trash"):
        (album / folder).mkdir(parents=True)
        shutil.copy(photo_file, album / folder / "a.jpg")
    assert stylize(album, "-o", album / "out").stderr == "4 painted, 0 failed\n"
    painted = sorted(path.relative_to(album / "out").as_posix() for path in (album / "out").rglob("*.*"))
    assert painted == ["a-dots.jpg", "b-dots.png", "big-dots-dots.jpg", "summer/beach/a-dots.jpg"]
    assert stylize(album, "-o", album / "out").stderr == "0 painted, 4 there already, 0 failed\n"
    # Without -o, the pictures in out/ are known for what they are.
    assert stylize(album).stderr == "4 painted, 4 paintings passed over, 0 failed\n"


def test_paintings_are_passed_over_and_painted_if_they_are_named(stylize, album):
    assert stylize(album, "-o", album / "out").stderr == "3 painted, 0 failed\n"
    (album / "out" / "a-dots.jpg").rename(album / "renamed.jpg")
    shutil.rmtree(album / "out")
    assert stylize(album).stderr == "3 painted, 1 painting passed over, 0 failed\n"
    result = stylize(album / "renamed.jpg")
    assert (result.exit_code, result.stdout) == (0, f"{album / 'renamed-dots.jpg'}\n")
    assert stylize(album, "--overwrite").stderr == "3 painted, 1 painting passed over, 0 failed\n"


@pytest.mark.usefixtures("shipped")
def test_a_sheet_is_no_photo(run, stylize, album):
    assert run("sheet", album / "a.jpg", "--size", 64).exit_code == 0
    assert stylize(album).stderr == "3 painted, 1 painting passed over, 0 failed\n"


def test_photos_that_differ_in_their_format_alone_are_all_painted(stylize, tmp_path, pixels):
    for name in ("a.gif", "a.png", "a.jpg"):
        Image.fromarray(pixels).save(tmp_path / name)
    painted = ["a-dots.jpg", "a-gif-dots.png", "a-png-dots.png"]
    for summary in ("3 painted, 0 failed", "0 painted, 3 there already, 0 failed"):
        result = stylize(tmp_path)
        assert (result.exit_code, result.stderr) == (0, f"{summary}\n")
    assert names(tmp_path) == sorted([*painted, "a.gif", "a.png", "a.jpg"])
    stylize(*(tmp_path / name for name in ("a.gif", "a.png")), "-o", tmp_path / "out")
    assert names(tmp_path / "out") == painted[1:]


def test_long_names_in_a_folder(stylize, tmp_path, pixels):
    for name in ("x" * 251 + ".png", "日" * 83 + ".png"):
        Image.fromarray(pixels).save(tmp_path / name)
    assert stylize(tmp_path).stderr == "2 painted, 0 failed\n"
    assert stylize(tmp_path).stderr == "0 painted, 2 there already, 0 failed\n"


def test_report_of_what_failed(stylize, album, tmp_path):
    report = tmp_path / "failed.jsonl"
    (album / "empty.png").touch()
    result = stylize(album, "-o", tmp_path / "out", "--report", report)
    assert result.exit_code == 1
    (line,) = report.read_text().splitlines()
    source, target = album / "empty.png", tmp_path / "out" / "empty-dots.png"
    error = f"{source} is empty"
    assert json.loads(line) == {
        "source": str(source),
        "target": str(target),
        "status": "failed",
        "error": error,
    }
    assert f"artlives: {error}\n" in result.stderr
    (album / "empty.png").unlink()
    assert stylize(album, "-o", tmp_path / "out", "--report", report).exit_code == 0
    assert report.read_text() == ""


@pytest.mark.parametrize(
    ("report", "status", "message"),
    [("a.jpg", 2, ".jsonl"), ("none/r.jsonl", 1, "none/r.jsonl cannot be written"), (".", 2, "--report")],
)
def test_reports_that_cannot_be(stylize, album, monkeypatch, report, status, message):
    monkeypatch.chdir(album)
    before = (album / "a.jpg").read_bytes()
    result = stylize(album, "-o", album / "out", "--report", report)
    assert result.exit_code == status
    assert message in result.stderr
    assert (album / "a.jpg").read_bytes() == before
    assert not list(album.rglob("*-dots.png"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_the_report(stylize, album, tmp_path):
    (tmp_path / "failed.jsonl").symlink_to("/dev/full")
    (album / "empty.png").touch()
    result = stylize(album, "-o", tmp_path / "out", "--report", tmp_path / "failed.jsonl")
    assert result.exit_code == 1
    assert "failed.jsonl cannot be written: No space left" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_killed_in_the_middle_a_second_run_ends_with_the_same_files(
    python, environment, style_file, tmp_path, pixels
):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(60):
        Image.fromarray(np.roll(pixels, i, 1)).resize((96 + i % 7, 80)).save(photos / f"{i:02}.png")
    arguments = ["-u", "-m", "artlives", "stylize", str(photos), "--style", str(style_file), "-o"]
    assert python(*arguments, tmp_path / "whole").returncode == 0

    command = [sys.executable, *arguments, str(tmp_path / "out")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        for _ in range(10):
            assert process.stdout.readline()
        process.kill()
    done = {path.name for path in (tmp_path / "out").glob("*-dots.png")}
    assert 10 <= len(done) < 60
    for name in done:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    for path in (tmp_path / "out").glob(".artlives-*"):
        # Older than `ABANDONED`.
        os.utime(path, (0, 0))

    summary = python(*arguments, tmp_path / "out").stderr.decode().splitlines()[-1]
    assert summary == f"{60 - len(done)} painted, {len(done)} there already, 0 failed"
    assert names(tmp_path / "out") == names(tmp_path / "whole")
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()


def test_in_a_folder_with_broken_files_the_others_get_done(stylize, album, photo_file, tmp_path):
    (album / "cut.png").write_bytes((album / "b.png").read_bytes()[:-300])
    (album / "empty.png").touch()
    (album / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    Image.new("RGB", (1, 1)).save(album / "dot.bmp")
    result = stylize(album, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert names(tmp_path / "out") == ["a-dots.jpg", "b-dots.png", "big-dots-dots.jpg"]
    *failures, summary = result.stderr.splitlines()
    assert summary == "3 painted, 4 failed"
    for name in ("cut.png", "empty.png", "phone.heic", "dot.bmp"):
        assert len([line for line in failures if str(album / name) in line]) == 1


def test_several_photos_one_of_them_missing(stylize, photo_file):
    result = stylize(photo_file, photo_file.with_name("none.jpg"))
    assert result.exit_code == 1
    assert result.stdout == f"{photo_file.with_name('photo-dots.jpg')}\n"
    assert "none.jpg cannot be read" in result.stderr
    assert result.stderr.endswith("1 painted, 1 failed\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_watching_a_folder_until_ctrl_c(environment, style_file, photo_file, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = [
        sys.executable,
        "-u",
        "-m",
        "artlives",
        "stylize",
        str(inbox),
        "--style",
        str(style_file),
        "--watch",
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr.readline() == f"watching {inbox}: Ctrl-C stops it\n"
        shutil.copy(photo_file, inbox / "a.jpg")
        assert process.stdout.readline() == f"{inbox / 'a-dots.jpg'}\n"
        (inbox / "b.jpg").write_bytes(b"words")
        assert "b.jpg is not a picture" in process.stderr.readline()
        shutil.copy(photo_file, inbox / "b.jpg")
        assert process.stdout.readline() == f"{inbox / 'b-dots.jpg'}\n"
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            # Else the end of `with` would wait for it for ever.
            process.kill()
    assert (process.returncode, errors) == (1, "2 painted, 1 failed\n")
    assert names(inbox) == ["a-dots.jpg", "a.jpg", "b-dots.jpg", "b.jpg"]


def test_folder_without_pictures(stylize, tmp_path):
    assert one_line(stylize(tmp_path), tmp_path, "holds no pictures")


@pytest.mark.parametrize("output", ["two.jpg", "photo.jpg", "two.GIF"])
def test_several_photos_into_a_picture_are_a_usage_error(stylize, photo_file, album, monkeypatch, output):
    monkeypatch.chdir(photo_file.parent)
    before = names(photo_file.parent)
    for photos in (["album"], ["photo.jpg", "album/a.jpg"]):
        result = stylize(*photos, "-o", output)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"give a folder, {output}/" in result.stderr
    assert names(photo_file.parent) == before


def test_several_photos_into_a_file(stylize, album):
    (album / "notes").touch()
    assert one_line(stylize(album, "-o", album / "notes"), "notes", "cannot be made a folder")


def test_several_photos_into_a_folder_that_is_called_as_a_picture(stylize, album):
    (album.parent / "two.jpg").mkdir()
    for output in ("two.jpg", "new.jpg/"):
        assert stylize(album, "-o", f"{album.parent}/{output}").stderr == "3 painted, 0 failed\n"
    assert len(names(album.parent / "new.jpg")) == 3


# On Ray; what it paints is tested in test_ray.py


@pytest.mark.parametrize(
    "arguments", [["album"], ["album", "photo.jpg", "-o", "out"], ["-", "-o", "out"], ["album", "-o", "-"]]
)
def test_ray_paints_one_folder_into_another(stylize, album, monkeypatch, arguments):
    monkeypatch.chdir(album.parent)
    result = stylize(*arguments, "--engine", "ray")
    assert result.exit_code == 2
    assert "one folder into another" in result.stderr


def test_without_ray_a_line_says_what_to_install(stylize, album, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "artlives.batch.ray", raising=False)
    monkeypatch.delattr("artlives.batch.ray", raising=False)
    assert one_line(stylize(album, "-o", "out", "--engine", "ray"), "pip install 'artlives[ray]'")


# Bad input


def test_bad_photos(stylize, photo_file, tmp_path):
    data = photo_file.read_bytes()
    for name, content, message in [
        ("text.jpg", b"words", "is not a picture"),
        ("cut.jpg", data[: len(data) // 2], "is damaged or cut short"),
        ("empty.jpg", b"", "is empty"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(50), "damaged"),
        ("clip.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is a video"),
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
        ("out.svg", "one of the endings"),
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


@pytest.mark.usefixtures("shipped")
def test_a_photo_whose_name_begins_as_an_option(run, photo_file, monkeypatch):
    monkeypatch.chdir(photo_file.parent)
    photo_file.rename("--help.jpg")
    result = run("--", "--help.jpg")
    # The style wave is not among those of the tests.
    assert one_line(result, "there is no style 'wave'")


def test_interrupt(stylize, photo_file, monkeypatch):
    monkeypatch.setattr(Stylizer, "__call__", lambda *_: signal.raise_signal(signal.SIGINT))
    # A shell's background jobs ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = stylize(photo_file)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.stderr) == (130, "artlives: interrupted\n")
    assert names(photo_file.parent) == ["photo.jpg"]


@pytest.mark.parametrize(
    ("size", "number"), [("1GB", 10**9), ("800mb", 8 * 10**8), ("1.5 k", 1500), ("12", 12)]
)
def test_sizes_of_memory(size, number):
    assert Bytes().convert(size, None, None) == number


@pytest.mark.parametrize("size", ["", "0", "much", "1 PB", "-1GB"])
def test_what_is_no_size_of_memory(stylize, photo_file, size):
    result = stylize(photo_file, "--memory", size)
    assert result.exit_code == 2
    assert "is not a size such as" in result.stderr


def test_too_little_memory(stylize, photo_file):
    result = stylize(photo_file, "--memory", "1")
    assert result.exit_code == 1
    assert "more memory" in result.stderr
