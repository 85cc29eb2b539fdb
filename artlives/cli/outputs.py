"""What commands check before they write a file, without NumPy or torch."""

import os
import stat
from collections.abc import Collection
from pathlib import Path

from artlives import images
from artlives.errors import ArtlivesError


def check_target(target: str | Path, overwrite: bool, photos: Collection[tuple[int, int] | None]) -> None:
    """Raise ArtlivesError unless a picture may be written to `target`.

    `photos` are the `identity` of files that are never replaced, others are with `overwrite`.
    """
    images.format_of(target)
    there = identity(target)
    if there and there in photos:
        raise ArtlivesError(f"{target} is itself one of the photos: choose another name with -o")
    check_file(target, overwrite)


def check_file(target: str | Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless a file may be written to `target`, which is replaced with `overwrite` alone."""
    folder = Path(target).parent
    if not is_folder(folder):
        raise ArtlivesError(f"{target} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ArtlivesError(f"{target} cannot be written: no permission in the folder {folder}")
    if identity(target) and not overwrite:
        raise ArtlivesError(f"{target} is there already: give --overwrite to replace it")


def _stat(path: str | Path) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None


def is_folder(path: str | Path) -> bool:
    status = _stat(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def identity(path: str | Path) -> tuple[int, int] | None:
    """What is the same for all names of a file; None if there is no file."""
    status = _stat(path)
    return status and (status.st_dev, status.st_ino)
