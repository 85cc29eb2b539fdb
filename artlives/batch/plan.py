"""The plan of a batch: which photos there are, what their paintings are called, and which are left to paint.

The rules do not depend on where photos and paintings are stored. A `Folder` knows what does: how its files are listed,
told apart, read, and written so that they appear whole or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from artlives import images, styles
from artlives.errors import ArtlivesError
from artlives.names import paths_of_paintings, photos_among

if TYPE_CHECKING:
    from artlives.images import Photo
    from artlives.styles import Style

# As a source standard input, as a target standard output.
STREAM = "-"

AnyFolder = TypeVar("AnyFolder", bound="Folder")


class NoPictures(ArtlivesError):
    """A folder holds no pictures."""


class Job(NamedTuple):
    """A photo, and the file that its painting is written to."""

    source: str
    target: str

    @property
    def photo(self) -> str:
        """What messages call the photo."""
        return "standard input" if self.source == STREAM else self.source

    @property
    def format(self) -> str:
        """The format that the painting is written in, as `images.load` takes it."""
        return images.OWN if self.target == STREAM else images.format_of(self.target)


class Outcome(NamedTuple):
    """The result of a job.

    Attributes:
        error: why it failed, a sentence that names the file; None if it is painted.
        notes: a line for each oddity that was passed over.
    """

    job: Job
    error: str | None = None
    notes: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What is to be done: jobs, and what was left out.

    Attributes:
        jobs: what is left to paint.
        there: how many paintings are there already.
        paintings: how many of the files are no photos, but paintings of ours.
        failed: what failed before it was begun.
    """

    jobs: list[Job]
    there: int
    paintings: int
    failed: list[Outcome]


class Folder(Protocol):
    """A folder, on this machine or elsewhere. Its files are named by its own name, a slash and their path in it."""

    @property
    def name(self) -> str:
        """The folder's path or URI."""

    def file(self, path: str) -> str:
        """The name of the file that has this path in the folder."""

    def files(self: AnyFolder, without: AnyFolder | None = None) -> list[str]:
        """The files in the folder and its subfolders as paths in it, those in the folder `without` left out.

        Raises:
            ArtlivesError: if it cannot be read.
        """

    def there(self, files: Iterable[str]) -> set[str]:
        """Those of `files` that exist.

        Raises:
            ArtlivesError: if the folder cannot be read.
        """

    def paintings(self, files: Iterable[str]) -> set[str]:
        """Those of `files` that say of themselves that artlives painted them; see `images.is_painting`."""

    def identity(self, file: str) -> Hashable:
        """What is the same for all names of a file; None if it is known that there is no such file."""

    def destination(self, file: str) -> Hashable:
        """What is the same for two names if what is written to one replaces what was written to the other."""

    def check_readable(self, file: str) -> None:
        """Raise ArtlivesError if it can be known at once that a file cannot be read."""

    def check_writable(self, file: str, overwrite: bool) -> None:
        """Raise ArtlivesError if it can be known at once that a file cannot be written, or is not to be replaced."""

    def is_animated(self, file: str) -> bool:
        """Whether it is known that a file holds an animation."""

    def load(self, file: str, target: str | None = None, reading: images.Reading = images.DEFAULT) -> Photo:
        """The picture in a file, as `images.load` reads it with these arguments.

        Raises:
            ArtlivesError: if it cannot be read, or as `images.load` does.
        """

    def save(self, picture: Photo, file: str, quality: int) -> None:
        """Write a picture to a file, which appears whole or not at all, as `images.save` does.

        Raises:
            ArtlivesError: if it cannot be written, or as `images.save` does.
        """


def jobs_in(photos: AnyFolder, style: Style, output: AnyFolder | None = None) -> list[Job]:
    """The jobs that paint a folder's photos into `output`, in whose subfolders they lie as in theirs, or beside them.

    Raises:
        NoPictures: if there are no photos in the folder.
        ArtlivesError: if it cannot be read.
    """
    found = photos_among(photos.files(without=output), {style.name, *styles.files()})
    if not found:
        raise NoPictures(f"{photos.name} holds no pictures")
    paths = [PurePosixPath(path) for path in found]
    animated = {path for path in paths if photos.is_animated(photos.file(str(path)))}
    paintings = paths_of_paintings(paths, style.name, animated)
    target = output or photos
    return [
        Job(photos.file(path), target.file(str(painting)))
        for path, painting in zip(found, paintings, strict=True)
    ]


def plan(
    jobs: Iterable[Job],
    photos: Folder,
    output: Folder,
    *,
    overwrite: bool = False,
    resume: bool = True,
    named: Collection[str] = (),
) -> Plan:
    """What is left to do of `jobs`. What can be known to fail fails here, before anything is painted.

    Args:
        jobs: from `photos` to `output`.
        overwrite: replace paintings that are there already; a photo is never replaced.
        resume: without `overwrite`, pass over jobs whose paintings are there already; else they fail.
        named: sources that are painted whatever they are; of the others, paintings of ours are passed over.

    Raises:
        ArtlivesError: if `output` cannot be read.
    """
    # A photo that was given twice is painted once.
    jobs = list(dict.fromkeys(jobs))
    present = output.there(job.target for job in jobs) if resume and not overwrite else set()
    # To look into a file takes time: those that are done already are left out.
    unknown = {job.source for job in jobs if job.target not in present} - set(named)
    paintings = photos.paintings(unknown)
    jobs = [job for job in jobs if job.source not in paintings]
    sources = {photos.identity(job.source) for job in jobs} - {None}
    planned, failed, there = [], [], 0
    first: dict[Hashable, str] = {}
    for job in jobs:
        try:
            if job.source != STREAM:
                photos.check_readable(job.source)
            other = first.setdefault(output.destination(job.target), job.source)
            if other != job.source:
                raise ArtlivesError(
                    f"{job.source} would be written to {job.target}, as {other} is: give it another name"
                )
            if job.target in present and output.identity(job.target) not in sources:
                there += 1
                continue
            if job.target != STREAM:
                check_target(job.target, output, overwrite, sources)
            planned.append(job)
        except ArtlivesError as error:
            failed.append(Outcome(job, str(error)))
    return Plan(planned, there, len(paintings), failed)


def check_target(target: str, folder: Folder, overwrite: bool, photos: Collection[Hashable]) -> None:
    """Raise ArtlivesError unless a picture may be written to the file `target` of a folder.

    `photos` are the `Folder.identity` of files that are never replaced, others are with `overwrite`.
    """
    images.format_of(target)
    if folder.identity(target) in photos:
        raise ArtlivesError(f"{target} is itself one of the photos: choose another name with -o")
    folder.check_writable(target, overwrite)
