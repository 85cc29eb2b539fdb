"""A folder of all kinds of files there are: what is a photo is painted once, and nothing else is touched."""

import hashlib
import os
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artlives import images

# Photos, by their paths, and their paintings' in the style dots.
PHOTOS = {
    "a.jpg": "a-dots.jpg",
    "B.JPG": "B-dots.JPG",
    "c.jpeg": "c-dots.jpeg",
    "d.jfif": "d-dots.jfif",
    "e.png": "e-dots.png",
    "f.webp": "f-dots.webp",
    "g.tif": "g-dots.tif",
    "h.bmp": "h-dots.bmp",
    "i.gif": "i-dots.png",
    # Two that differ in their format alone.
    "j.gif": "j-gif-dots.png",
    "j.png": "j-png-dots.png",
    "wrong-ending.png": "wrong-ending-dots.png",
    # A painting's name, but of a photo that is not there.
    "k-dots.jpg": "k-dots-dots.jpg",
    "deep/er/a.jpg": "deep/er/a-dots.jpg",
    "folder.jpg/inside.jpg": "folder.jpg/inside-dots.jpg",
    "05-日本.jpg": "05-日本-dots.jpg",
    "a 'quoted' name $HOME *.jpg": "a 'quoted' name $HOME *-dots.jpg",
    "-dash.jpg": "-dash-dots.jpg",
    "100%d {0}.jpg": "100%d {0}-dots.jpg",
    f"{'x' * 251}.jpg": f"{'x' * 246}-dots.jpg",
}
POSIX = {
    "bad-\udcff.jpg": "bad-\udcff-dots.jpg",
    "two\nlines.jpg": "two\nlines-dots.jpg",
    "\x1b[31mred.jpg": "\x1b[31mred-dots.jpg",
    "link.jpg": "link-dots.jpg",
}
# What cannot be painted, and what is said of it.
BAD = {
    "empty.jpg": "is empty",
    "words.jpg": "is not a picture",
    "cut.png": "damaged",
    "dot.png": "1x1 pixels are too small",
    "phone.heic": "phone.heic",
}


@pytest.fixture
def pictures(tmp_path, pixels):
    """The folder."""
    folder = tmp_path / "pictures"
    formats = {"wrong-ending.png": "JPEG", "d.jfif": "JPEG"}
    for i, name in enumerate({**PHOTOS, **(POSIX if os.name == "posix" else {})}):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(pixels, i, 1)).save(path, formats.get(name))
    (folder / "e.png").unlink()
    Image.fromarray(np.dstack([pixels, pixels[..., 0]])).save(folder / "e.png")
    _add_bad(folder)
    _add_paintings(folder)
    _add_no_pictures(folder)
    if os.name == "posix":
        _add_specials(folder)
    return folder


def _add_bad(folder):
    (folder / "empty.jpg").touch()
    (folder / "words.jpg").write_text("words")
    whole = (folder / "e.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))


def _add_paintings(folder):
    """Of an earlier day, in another style: beside its photo, in a folder of its own, renamed, and a sheet."""
    painting = replace(images.load(folder / "a.jpg"), painted_by="stripes")
    for name in ("a-stripes.jpg", "old/a-stripes.webp", "renamed.png", "a-sheet.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        images.save(painting, folder / name)
    images.save(painting, folder / "old" / "h-stripes.bmp")


def _add_no_pictures(folder):
    for name in ("notes.txt", "photo", ".hidden.jpg", ".trash/a.jpg", "a.jpg.xmp", "raw.dng"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not a picture")
    (folder / "nothing").mkdir()


def _add_specials(folder):
    (folder / "link.jpg").unlink()
    (folder / "link.jpg").symlink_to("a.jpg")
    (folder / "broken.jpg").symlink_to("none.jpg")
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "zero.jpg").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        # A socket's whole path is short: this one's is relative.
        before = Path.cwd()
        os.chdir(folder)
        server.bind("socket.jpg")
        os.chdir(before)


def contents(folder) -> dict[str, str]:
    """Of all regular files, by their paths, a checksum of their contents."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("output", [None, "painted", "pictures/painted"])
def test_three_runs(run, pictures, tmp_path, output):
    before = contents(pictures)
    expected = {**PHOTOS, **(POSIX if os.name == "posix" else {})}
    bad = {**BAD, **({"broken.jpg": "No such file"} if os.name == "posix" else {})}
    target = pictures if output is None else tmp_path / output
    arguments = ["stylize", pictures, "--style", "dots", "--device", "cpu"]
    if output:
        arguments += ["-o", target]
    painted = {}
    for count, there in ((len(expected), ""), *[(0, f"{len(expected)} there already, ")] * 2):
        result = run(*arguments)
        *failures, summary = result.stderr.splitlines()
        # The painting beside its photo is known by its name, and so is the BMP file, which holds no mark.
        assert summary == f"{count} painted, {there}3 paintings passed over, {len(bad)} failed"
        assert result.exit_code == 1
        assert len(failures) == len(bad)
        for name, message in bad.items():
            assert [line for line in failures if f"{pictures / name}" in line and message in line], name
        after = contents(target)
        assert after_of(after, expected) == (painted or after_of(after, expected))
        painted = after_of(after, expected)
        # All else is as it was.
        rest = {name: value for name, value in after.items() if name not in expected.values()}
        assert rest == (before if target == pictures else {})
        assert before.items() <= contents(pictures).items()
    # Nor are they photos for another style.
    again = run("stylize", pictures, "--style", "stripes", "-o", tmp_path / "stripes", "--device", "cpu")
    assert again.stderr.splitlines()[-1].startswith(f"{len(expected)} painted, ")


def after_of(contents, expected):
    return {name: contents[name] for name in expected.values()}
