import pickle

import numpy as np
import pytest
from PIL import Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.images import Photo

pytest.importorskip("pyarrow", reason="needs the package pyarrow")
pytest.importorskip("fsspec", reason="needs the package fsspec")

from artlives.batch import remote
from artlives.batch.remote import Folder


@pytest.fixture(params=["{}", "{}/", "file://{}", "local://{}"], ids=["path", "slash", "pyarrow", "fsspec"])
def folder(request, tmp_path):
    """A folder by a path, by a URI that pyarrow knows, and by one that only fsspec knows."""
    return Folder(request.param.format(tmp_path / "pictures"))


@pytest.fixture
def picture(pixels):
    return Photo(pixels, format="PNG")


def test_what_is_saved_is_listed_and_loaded(folder, picture, tmp_path):
    for path in ("a.png", "sub/deep/b #1%.png"):
        name = f"{folder.name}/{path}"
        folder.save(picture, name, 90)
        assert np.array_equal(folder.load(name).pixels, picture.pixels)
        assert (tmp_path / "pictures" / path).is_file()
    assert sorted(folder.files()) == ["a.png", "sub/deep/b #1%.png"]


def test_the_format_is_that_of_the_name(folder, picture, tmp_path):
    folder.save(picture, f"{folder.name}/a.webp", 50)
    with Image.open(tmp_path / "pictures" / "a.webp") as image:
        assert image.format == "WEBP"


def test_a_file_is_replaced(folder, picture, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"old")
    folder.save(picture, f"{folder.name}/a.png", 90)
    assert images.load(tmp_path / "pictures" / "a.png").pixels.shape == (40, 56, 3)


def test_another_processs_folder_is_the_same(folder, picture):
    folder.save(picture, f"{folder.name}/a.png", 90)
    again = pickle.loads(pickle.dumps(folder))
    assert again.files() == ["a.png"]
    assert np.array_equal(again.load(f"{again.name}/a.png").pixels, picture.pixels)


def test_a_folder_that_is_not_there_is_empty(folder):
    assert folder.files() == []


def test_the_output_inside_is_left_out(folder, picture):
    for path in ("a.png", "out/a.png", "outer/a.png"):
        folder.save(picture, f"{folder.name}/{path}", 90)
    inside = Folder(f"{folder.name}/out")
    assert sorted(folder.files(without=inside)) == ["a.png", "outer/a.png"]
    assert len(folder.files(without=Folder(folder.name))) == 3


def test_files_that_cannot_be_read(folder, picture):
    folder.save(picture, f"{folder.name}/a.png", 90)
    with pytest.raises(ArtlivesError, match=r"none\.png cannot be read"):
        folder.load(f"{folder.name}/none.png")
    with pytest.raises(ArtlivesError, match=r"a\.png/b\.png cannot be written"):
        folder.save(picture, f"{folder.name}/a.png/b.png", 90)


def test_a_kind_of_storage_that_does_not_exist():
    with pytest.raises(ArtlivesError, match="nowhere://bucket/photos cannot be reached"):
        Folder("nowhere://bucket/photos")


class Flaky:
    """A file system that fails a few times before it does what is asked."""

    type_name = "flaky"

    def __init__(self, system, failures, error=OSError):
        self.system, self.failures, self.error = system, failures, error

    def __getattr__(self, name):
        return getattr(self.system, name)

    def fail(self):
        self.failures -= 1
        if self.failures >= 0:
            raise self.error("slow down")

    def open_input_stream(self, path):
        self.fail()
        return self.system.open_input_stream(path)

    def move(self, source, target):
        self.fail()
        self.system.move(source, target)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)


def test_networks_may_fail_now_and_then(tmp_path, picture):
    folder = Folder(str(tmp_path))
    system = folder.system
    for failures in (2, 3):
        folder.system = Flaky(system, failures)
        name = f"{folder.name}/{failures}.png"
        if failures < remote.ATTEMPTS:
            folder.save(picture, name, 90)
            folder.system = Flaky(system, failures)
            assert folder.load(name).pixels.shape == picture.pixels.shape
            continue
        with pytest.raises(ArtlivesError, match=r"3\.png cannot be written: slow down"):
            folder.save(picture, name, 90)
    # No temporary file is left.
    assert folder.files() == ["2.png"]


def test_what_is_not_there_is_not_asked_for_again(tmp_path):
    folder = Folder(str(tmp_path))
    folder.system = Flaky(folder.system, 5, FileNotFoundError)
    with pytest.raises(ArtlivesError):
        folder.load(f"{folder.name}/a.png")
    assert folder.system.failures == 4
