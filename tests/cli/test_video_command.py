import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from artlives.cli.video import Seconds
from artlives.cli.videos import jobs_of
from artlives.video import reading
from tests.video.conftest import clip, decoded, scene, write_clip

# Fixtures.
__all__ = ["clip"]


def test_a_video_is_painted_beside_itself(run, clip, quick_style):
    result = run("video", clip, "--style", quick_style, "--end", "0.2")
    target = clip.with_name("clip-quick.mp4")
    assert (result.exit_code, result.stdout) == (0, f"{target}\n")
    assert len(decoded(target)[0]) == 5
    again = run("video", clip, "--style", quick_style)
    assert (again.exit_code, again.stderr) == (
        1,
        f"artlives: {target} is there already: give --overwrite to replace it\n",
    )


def test_going_on_replaces_nothing_that_is_complete(run, clip, quick_style):
    target = clip.with_name("photos.mp4")
    target.write_bytes(b"a user's")
    result = run("video", clip, "-o", target, "--style", quick_style, "--resume")
    assert (result.exit_code, target.read_bytes()) == (1, b"a user's")
    assert result.stderr == f"artlives: {target} is there already: give --overwrite to replace it\n"


def test_a_folder_of_videos(run, tmp_path, quick_style):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write_clip(folder / "a.mov", [scene(i) for i in range(3)])
    write_clip(
        folder / "deep" / "b.avi", [scene(i) for i in range(3)], codec="mjpeg", pixels="yuvj420p", options={}
    )
    (folder / "bad.mp4").write_bytes(b"no video" * 99)
    (folder / "note.txt").write_text("no video")
    arguments = "video", folder, "--style", quick_style, "-o", tmp_path / "out"
    first = run(*arguments)
    assert first.exit_code == 1
    assert f"artlives: {folder / 'bad.mp4'} is not a video, or is damaged or cut short\n" in first.stderr
    assert first.stderr.endswith("2 painted, 1 failed\n")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert found == {"a-quick.mov", "deep/b-quick.mp4"}
    assert run(*arguments).stderr.endswith("0 painted, 2 there already, 1 failed\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.mp4"], "none.mp4 cannot be read: No such file or directory"),
        (["clip.mp4", "-o", "painted.xyz"], "painted.xyz cannot be written: give it one of the endings"),
        (
            ["clip.mp4", "-o", "none/painted.mp4"],
            "none/painted.mp4 cannot be written: there is no folder none",
        ),
        (["clip.mp4", "-o", "clip.mp4"], "clip.mp4 is the video itself: choose another name with -o"),
        (["picture.mp4"], "picture.mp4 is a single picture: `artlives stylize` paints it"),
        (["empty"], "empty holds no videos"),
        (["clip.mp4", "clip.mp4", "-o", "picture.mp4/"], "picture.mp4 cannot be made a folder: File exists"),
    ],
)
def test_errors_in_one_line(run, clip, quick_style, monkeypatch, arguments, message):
    monkeypatch.chdir(clip.parent)
    Image.fromarray(scene(0)).save("picture.mp4", "PNG")
    (clip.parent / "empty").mkdir()
    before = clip.read_bytes()
    result = run("video", *arguments, "--style", quick_style)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"artlives: {message}")
    assert [line for line in result.stderr.splitlines() if not line.endswith("failed")][1:] == []
    assert clip.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_file_that_plays(tmp_path, environment, quick_style, signum):
    path = write_clip(tmp_path / "clip.mp4", [scene(i) for i in range(250)])
    arguments = ["video", str(path), "--style", str(quick_style), "--preview", str(tmp_path / "now.jpg")]
    process = subprocess.Popen(
        [sys.executable, "-m", "artlives", *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )
    segment = tmp_path / ".clip-quick.mp4.artlives" / "000000.mp4"
    while not segment.exists() and process.poll() is None:
        pass
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    times, _ = decoded(tmp_path / "clip-quick.mp4")
    assert 0 < len(times) < 250
    assert f"stopped after {len(times)} frames" in err
    assert "--resume goes on" in err
    assert "Traceback" not in err


def test_the_options_reach_the_painting(run, clip, quick_style, quick):
    run(
        "video",
        clip,
        "--style",
        quick_style,
        "--steady",
        0,
        "--size",
        32,
        "--strength",
        0.5,
        "-o",
        clip.with_name("a.mkv"),
    )
    _, found = decoded(clip.with_name("a.mkv"))

    photo = next(reading.read(clip)).photo
    assert found.shape == (25, 24, 32, 3)
    own = quick.variant(size=32, strength=0.5)(photo.pixels)
    assert np.abs(found[0].astype(int) - own).mean() < 6


@pytest.mark.parametrize(("text", "seconds"), [("83.5", 83.5), ("1:23.5", 83.5), ("1:00:01", 3601), ("0", 0)])
def test_times(text, seconds):
    assert Seconds().convert(text, None, None) == seconds


def test_two_videos_that_differ_in_their_format_alone_are_both_painted(run, tmp_path, quick_style):
    for name in ("a.mp4", "a.avi", "b.mov"):
        codec = {"codec": "mjpeg", "pixels": "yuvj420p", "options": {}} if name == "a.avi" else {}
        write_clip(tmp_path / name, [scene(i) for i in range(2)], **codec)
    expected = ["a-avi-quick.mp4", "a-mp4-quick.mp4", "b-quick.mov"]
    for options, summary in (
        ([], "3 painted, 0 failed\n"),
        ([], "0 painted, 3 there already, 0 failed\n"),
        (["--resume"], "0 painted, 3 there already, 0 failed\n"),
    ):
        assert run("video", tmp_path, "--style", quick_style, *options).stderr.endswith(summary)
    assert sorted(path.name for path in tmp_path.glob("*-*")) == expected


@pytest.mark.usefixtures("shipped")
def test_paintings_in_other_styles_are_no_videos_of_a_folder(tmp_path):
    for name in ("a.mp4", "a-dots.mp4", "a-mp4-stripes.mp4", "b-dots.mp4"):
        (tmp_path / name).touch()
    jobs = jobs_of([str(tmp_path)], None, "quick", several=True)
    assert [source.name for source, _ in jobs] == ["a.mp4", "b-dots.mp4"]


def test_a_video_that_is_given_twice_is_painted_once(tmp_path):
    (tmp_path / "a.mp4").touch()
    assert len(jobs_of([str(tmp_path / "a.mp4")] * 2, str(tmp_path / "out"), "quick", several=True)) == 1


def test_two_videos_for_one_file_are_refused_before_anything_is_painted(run, tmp_path, quick_style):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mp4").touch()
    result = run("video", tmp_path / "one", tmp_path / "two", "--style", quick_style, "-o", tmp_path / "out")
    assert result.exit_code == 1
    line = f"{tmp_path / 'two' / 'a.mp4'} would be written to {tmp_path / 'out' / 'a-quick.mp4'}, as "
    assert result.stderr.startswith(f"artlives: {line}")
    assert not (tmp_path / "out").exists()


def test_several_videos_for_a_file_are_a_usage_error(run, clip, quick_style):
    target = clip.with_name("two.mp4")
    result = run("video", clip, clip, "--style", quick_style, "-o", target)
    assert result.exit_code == 2
    assert f"{target} names a video, but there may be several" in result.stderr
    assert not target.exists()


@pytest.mark.parametrize(
    ("preview", "message"),
    [
        ("clip.mp4", "clip.mp4 cannot be written: give it one of the endings"),
        ("clip.gif", "clip.gif is itself one of the videos: choose another name with --preview"),
        ("painted.png", "painted.png is itself one of the videos"),
        ("photo.jpg", "photo.jpg is there already: give --overwrite to replace it"),
        ("none/now.jpg", "none/now.jpg cannot be written: there is no folder none"),
    ],
)
def test_a_preview_replaces_nothing(run, tmp_path, quick_style, monkeypatch, preview, message):
    monkeypatch.chdir(tmp_path)
    frames = [Image.fromarray(scene(i)) for i in range(2)]
    frames[0].save("clip.gif", save_all=True, append_images=frames[1:])
    for name in ("clip.mp4", "photo.jpg"):
        (tmp_path / name).write_bytes(b"a user's")
    before = (tmp_path / "clip.gif").read_bytes()
    result = run("video", "clip.gif", "-o", "painted.png", "--style", quick_style, "--preview", preview)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"artlives: {message}")
    assert (tmp_path / "clip.gif").read_bytes() == before
    assert not (tmp_path / "painted.png").exists()
