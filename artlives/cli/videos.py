"""Which videos `artlives video` paints, and to which files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from artlives import images, styles
from artlives.errors import ArtlivesError
from artlives.files import check_file, files_in, is_folder

# Of the files in a folder that are painted.
VIDEOS = {
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".3gp",
    ".wmv",
    ".flv",
}
ANIMATIONS = {".gif", ".apng"}
# Endings that a painting takes from its video; another one's is an MP4.
KEPT = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".webp", ".png", ".apng"}

# A video, and the file that it is painted to.
Job = tuple[Path, Path]


def jobs_of(videos: Sequence[str], output: str | None, style: str, several: bool) -> list[Job]:
    """The jobs that paint videos, each a file or a folder; one for each video.

    Args:
        output: a file or a folder; None: beside the videos.
        style: the name of the style.
        several: whether it may be more than one video.

    Raises:
        click.UsageError: the output is no place for several paintings.
        ArtlivesError: a folder cannot be read or holds no videos, or two videos would be painted to one file.
    """
    folder = None
    if output is not None and (several or output.endswith("/") or is_folder(output)):
        if not output.endswith("/") and not is_folder(output) and Path(output).suffix.lower() in KEPT:
            raise click.UsageError(
                f"{output} names a video, but there may be several: give a folder, {output}/, with -o"
            )
        folder = Path(output)
    alone = [Path(one) for one in dict.fromkeys(videos) if not is_folder(one)]
    if output is not None and folder is None:
        return [(one, Path(output)) for one in alone]
    places = [folder / one.name if folder else one for one in alone]
    jobs = list(zip(alone, _paintings(places, style), strict=True))
    for one in filter(is_folder, dict.fromkeys(videos)):
        found = _videos_in(Path(one), folder, style)
        if not found:
            raise ArtlivesError(f"{one} holds no videos")
        paintings = _paintings(found, style)
        jobs += [
            (Path(one, path), Path(folder or one, name)) for path, name in zip(found, paintings, strict=True)
        ]
    _check_apart(jobs)
    return jobs


def check_preview(preview: str, jobs: Sequence[Job], overwrite: bool) -> None:
    """Raise ArtlivesError unless previews of these jobs can be written to a file; one there needs `overwrite`."""
    images.format_of(preview)
    if os.path.realpath(preview) in {os.path.realpath(file) for job in jobs for file in job}:
        raise ArtlivesError(f"{preview} is itself one of the videos: choose another name with --preview")
    check_file(preview, overwrite)


def _check_apart(jobs: Sequence[Job]) -> None:
    first: dict[str, Path] = {}
    for source, target in jobs:
        other = first.setdefault(os.path.realpath(target), source)
        if os.path.realpath(other) != os.path.realpath(source):
            raise ArtlivesError(f"{source} would be written to {target}, as {other} is: give it another name")


def _videos_in(folder: Path, without: Path | None, style: str) -> list[Path]:
    """The videos in a folder and its subfolders, by their paths in it, without hidden ones and those painted before."""
    paths = [Path(name) for name in files_in(folder, without)]
    videos = [
        path
        for path in paths
        if path.suffix.lower() in VIDEOS | ANIMATIONS and not any(part[0] == "." for part in path.parts)
    ]
    painted = {
        _painting(path, name, told)
        for path in videos
        for name in {style, *styles.files()}
        for told in (False, True)
    }
    return sorted(set(videos) - painted)


def _paintings(videos: Collection[Path], style: str) -> list[Path]:
    """The paintings of videos, each beside its video.

    The formats of two that differ in their format alone become parts of these names.
    """
    times = Counter(_painting(video, style) for video in videos)
    return [_painting(video, style, times[_painting(video, style)] > 1) for video in videos]


def _painting(video: Path, style: str, with_format: bool = False) -> Path:
    suffix = video.suffix if video.suffix.lower() in KEPT else ".mp4"
    format = f"-{video.suffix[1:]}" if with_format else ""
    return video.with_name(f"{video.stem}{format}-{style}{suffix}")
