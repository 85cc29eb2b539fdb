"""Folders of pictures on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Iterable
from pathlib import Path

from artlives import images
from artlives.batch.plan import STREAM, Job, jobs_in
from artlives.errors import ArtlivesError
from artlives.files import check_file, files_in, identity, is_folder, remove_abandoned
from artlives.images import Photo
from artlives.names import paths_of_paintings
from artlives.styles import Style


class Folder:
    """A folder on this machine, a `plan.Folder`.

    Files are named by their paths, which need not lie in it: one folder does for photos from several.
    """

    def __init__(self, name: str | Path = ".") -> None:
        self.name = str(name)

    def file(self, path: str) -> str:
        """See `plan.Folder`."""
        return str(Path(self.name, path))

    def files(self, without: Folder | None = None) -> list[str]:
        """See `plan.Folder`."""
        return files_in(Path(self.name), Path(without.name) if without else None)

    def there(self, files: Iterable[str]) -> set[str]:
        """See `plan.Folder`."""
        return {file for file in files if identity(file)}

    def paintings(self, files: Iterable[str]) -> set[str]:
        """See `plan.Folder`."""
        return {file for file in files if images.is_painting(file)}

    def identity(self, file: str) -> Hashable:
        """See `plan.Folder`: device and inode."""
        return None if file == STREAM else identity(file)

    def destination(self, file: str) -> Hashable:
        """See `plan.Folder`: the path without links."""
        return os.path.realpath(file)

    def check_readable(self, file: str) -> None:
        """See `plan.Folder`."""
        try:
            Path(file).stat()
        except OSError as error:
            raise ArtlivesError(f"{file} cannot be read: {error.strerror or error}") from error

    def check_writable(self, file: str, overwrite: bool) -> None:
        """See `plan.Folder`."""
        check_file(file, overwrite)

    def is_animated(self, file: str) -> bool:
        """See `plan.Folder`; only GIF files are looked at, whose still pictures have other paintings."""
        return Path(file).suffix.lower() == ".gif" and images.is_animated(file)

    def load(self, file: str, target: str | None = None, reading: images.Reading = images.DEFAULT) -> Photo:
        """See `plan.Folder`; `STREAM` is standard input."""
        if file != STREAM:
            return images.load(file, target=target, reading=reading)
        # A process that is started without one, as by some services.
        if sys.stdin is None:
            raise ArtlivesError("standard input is closed: give a file")
        return images.load(sys.stdin.buffer, "standard input", target=target, reading=reading)

    def save(self, picture: Photo, file: str, quality: int) -> None:
        """See `plan.Folder`; `STREAM` is standard output."""
        if file == STREAM:
            _write_to_standard_output(picture, quality)
        else:
            images.save(picture, file, quality=quality)


def jobs_of(photos: Iterable[str], style: Style, output: str | None, folder: Folder | None) -> list[Job]:
    """The jobs that paint photos, each a picture file, a folder or `STREAM`; one for each photo.

    Args:
        output: the file that the painting of a single photo is written to; `STREAM` is standard output.
        folder: the folder that paintings are written to. By default, each goes beside its photo.

    Raises:
        NoPictures: if a folder holds no photos.
        ArtlivesError: if a folder cannot be read.
    """
    jobs: list[Job] = []
    files = dict.fromkeys(photo for photo in photos if photo != STREAM and not is_folder(photo))
    paths = [Path(folder.name, Path(photo).name) if folder else Path(photo) for photo in files]
    animated = {path for path, file in zip(paths, files, strict=True) if Folder().is_animated(file)}
    beside = dict(zip(files, map(str, paths_of_paintings(paths, style.name, animated)), strict=True))
    for photo in photos:
        if photo == STREAM:
            jobs.append(Job(photo, output or STREAM))
        elif photo not in beside:
            jobs += jobs_in(Folder(photo), style, folder)
        else:
            jobs.append(Job(photo, beside[photo] if folder or output is None else output))
    return [Job(*item) for item in dict(jobs).items()]


def make_folders(jobs: Iterable[Job]) -> None:
    """Make the folders that the paintings of jobs are written to, where they are not there.

    Raises:
        ArtlivesError: if one cannot be made.
    """
    for folder in _target_folders(jobs):
        make_folder(folder)


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there.

    Raises:
        ArtlivesError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtlivesError(f"{folder} cannot be made a folder: {error.strerror or error}") from error


def clean_folders(jobs: Iterable[Job]) -> None:
    """Remove what killed processes left in the folders that the paintings of jobs are written to."""
    for folder in _target_folders(jobs):
        remove_abandoned(folder)


def _target_folders(jobs: Iterable[Job]) -> list[Path]:
    return sorted({Path(job.target).parent for job in jobs})


def _write_to_standard_output(picture: Photo, quality: int) -> None:
    if sys.stdout is None:
        raise ArtlivesError("standard output is closed: give -o FILE")
    try:
        images.save(picture, sys.stdout.buffer, quality=quality)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try once more at its exit, and tell of that too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ArtlivesError(f"standard output cannot be written: {error.strerror or error}") from error
