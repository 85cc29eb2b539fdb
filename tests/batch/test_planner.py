"""One set of rules for folders of this machine and for those elsewhere."""

import os
from dataclasses import replace

import pytest
from PIL import Image

from artlives import images, styles
from artlives.batch import local
from artlives.batch.plan import Job, jobs_in, plan
from artlives.errors import ArtlivesError


@pytest.fixture(params=["local", "path", "file", "fsspec"])
def open_folder(request):
    """How to open a folder by its path: as one of this machine, and as one elsewhere."""
    if request.param == "local":
        return local.Folder
    pytest.importorskip("pyarrow", reason="needs the package pyarrow")
    from artlives.batch.remote import Folder

    uri = {"path": "{}", "file": "file://{}", "fsspec": "local://{}"}[request.param]
    return lambda path: Folder(uri.format(path))


@pytest.fixture
def photos(tmp_path):
    """A folder with five photos, two of which differ in their format alone, and a file that is none."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "b.JPG", "sub/a.png"):
        Image.new("RGB", (20, 16)).save(folder / name, "PNG")
    Image.new("RGB", (20, 16)).save(folder / "a.gif")
    (folder / "notes.txt").touch()
    return folder


@pytest.fixture
def style(style_file):
    return styles.read(style_file)


@pytest.fixture
def planned(open_folder, style):
    """Plan to paint the photos of one folder into another, by their paths; file names are told from there on."""

    def planned(photos, output, **options):
        source, target = open_folder(photos), open_folder(output)
        todo = jobs_in(source, style, target)
        if isinstance(target, local.Folder):
            local.make_folders(todo)
        made = plan(todo, source, target, **options)
        jobs = [Job(_inside(job.source, photos), _inside(job.target, output)) for job in made.jobs]
        return jobs, made.there, [outcome.error for outcome in made.failed]

    return planned


def _inside(file, folder):
    return file.partition("://")[2].removeprefix(f"{folder}/") or file.removeprefix(f"{folder}/")


@pytest.mark.smoke
def test_paintings_lie_as_the_photos_do(planned, photos, tmp_path):
    jobs, there, failed = planned(photos, tmp_path / "out")
    assert jobs == [
        Job("a.gif", "a-gif-dots.png"),
        Job("a.png", "a-png-dots.png"),
        Job("b.JPG", "b-dots.JPG"),
        Job("b.jpg", "b-dots.jpg"),
        Job("sub/a.png", "sub/a-dots.png"),
    ]
    assert (there, failed) == (0, [])


@pytest.mark.parametrize("output", ["out", "photos/out", "photos"])
def test_what_is_there_is_passed_over(planned, photos, tmp_path, output):
    out = tmp_path / output
    (out / "sub").mkdir(parents=True, exist_ok=True)
    for name in ("b-dots.jpg", "sub/a-dots.png"):
        (out / name).touch()
    jobs, there, failed = planned(photos, out)
    assert [job.source for job in jobs] == ["a.gif", "a.png", "b.JPG"]
    assert (there, failed) == (2, [])
    jobs, there, failed = planned(photos, out, overwrite=True)
    assert (len(jobs), there, failed) == (5, 0, [])


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_photo_is_never_replaced_nor_taken_for_a_painting(planned, photos, tmp_path, overwrite):
    """`sub/sub/a.png` of the folder `sub` would be painted to where a photo of that folder is."""
    inner = photos / "sub"
    (inner / "sub").mkdir()
    (inner / "a.png").rename(inner / "a-dots.png")
    Image.new("RGB", (20, 16)).save(inner / "sub" / "a.png")
    jobs, there, failed = planned(inner, photos, overwrite=overwrite)
    assert jobs == [Job("a-dots.png", "a-dots-dots.png")]
    assert there == 0
    (error,) = failed
    assert error.endswith("sub/a-dots.png is itself one of the photos: choose another name with -o")


def test_paintings_are_passed_over_wherever_they_lie_but_for_those_that_are_named(open_folder, style, photos):
    painting = replace(images.load(photos / "b.jpg"), painted_by="other")
    for path in ("sub/b-other.jpg", "sub/sheet.png", "renamed.webp", "c.tif"):
        images.save(painting, photos / path)
    (photos / "damaged.jpg").write_bytes(b"words")
    folder = open_folder(photos)
    jobs = jobs_in(folder, style)
    made = plan(jobs, folder, folder)
    names = [_inside(job.source, photos) for job in made.jobs]
    assert names == ["a.gif", "a.png", "b.JPG", "b.jpg", "damaged.jpg", "sub/a.png"]
    assert (made.paintings, made.there, made.failed) == (4, 0, [])
    named = plan(jobs, folder, folder, named=[folder.file("c.tif")])
    assert [_inside(job.source, photos) for job in named.jobs] == sorted([*names, "c.tif"])
    # Of what is done, nobody looks whether it is a painting.
    images.save(painting, photos / "c-dots.tif")
    assert plan(jobs, folder, folder)[1:3] == (1, 3)


def test_without_photos_a_line_says_so(planned, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ArtlivesError, match=rf"{tmp_path} holds no pictures"):
        planned(tmp_path, tmp_path / "out")


def test_pictures_are_written_and_read(open_folder, photos, tmp_path):
    source, target = open_folder(photos), open_folder(tmp_path)
    picture, file = source.load(source.file("sub/a.png")), target.file("copy.png")
    target.save(picture, file, 90)
    assert target.there([file, target.file("none.png")]) == {file}
    assert (images.load(tmp_path / "copy.png").pixels == picture.pixels).all()
    with pytest.raises(ArtlivesError, match=r"none\.png cannot be read"):
        source.load(source.file("none.png"))


# Single photos, on this machine


@pytest.mark.parametrize("resume", [False, True])
def test_a_single_painting_that_is_there_fails_and_of_several_it_is_passed_over(photos, resume):
    painting = photos / "b-dots.jpg"
    painting.touch()
    here = local.Folder()
    made = plan([Job(str(photos / "b.jpg"), str(painting))], here, here, resume=resume)
    assert (made.jobs, made.there) == ([], int(resume))
    errors = [] if resume else [f"{painting} is there already: give --overwrite to replace it"]
    assert [outcome.error for outcome in made.failed] == errors


def test_two_names_of_one_place_clash(photos, tmp_path):
    (tmp_path / "link").symlink_to(photos)
    jobs = [
        Job(str(photos / "a.png"), str(photos / "x.png")),
        Job(str(photos / "b.jpg"), str(tmp_path / "link" / "x.png")),
    ]
    here = local.Folder()
    made = plan(jobs, here, here)
    assert made.jobs == jobs[:1]
    assert f"as {jobs[0].source} is" in made.failed[0].error


@pytest.mark.skipif(os.name != "posix", reason="hard links")
def test_a_photo_by_another_name_is_not_replaced(photos):
    os.link(photos / "a.png", photos / "other.png")
    here = local.Folder()
    made = plan([Job(str(photos / "a.png"), str(photos / "other.png"))], here, here, overwrite=True)
    assert "is itself one of the photos" in made.failed[0].error


def test_a_photo_that_is_given_twice_is_painted_once(photos):
    here = local.Folder()
    job = Job(str(photos / "a.png"), str(photos / "x.png"))
    assert plan([job, job], here, here).jobs == [job]
