"""Which files of a folder are photos, and what their paintings are called: PHOTO-STYLE beside PHOTO."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from artlives import images

# Bytes of a file's name, at most, in the usual file systems.
LONGEST = 255
# Endings of the paintings of photos in formats that are not written, and of still GIF files, which have 256 colours.
INSTEAD = {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg", ".gif": ".png"}

AnyPath = TypeVar("AnyPath", bound=PurePath)


def painting_name(photo: str, style: str, animated: bool = False) -> str:
    """The name of the painting of a photo, in the photo's format where that is one that is written, else PNG.

    A painting of HEIC becomes a JPEG, and one of GIF a GIF only if it is `animated`. Where the name would be too long
    for a file's, the photo's part of it is cut short.
    """
    return name_beside(photo, f"-{style}{_suffix(Path(photo), animated)}")


def name_beside(photo: str, ending: str) -> str:
    """The name of a photo with another ending, such as "-sheet.jpg", cut short before it as far as it is too long."""
    return _cut(Path(photo).stem, ending) + ending


def paths_of_paintings(
    photos: Sequence[AnyPath], style: str, animated: Collection[AnyPath] = ()
) -> list[AnyPath]:
    """The paths of the paintings of photos, some of which are `animated`, each beside its photo.

    Two photos in a folder that differ in their format alone, of which one is not written, would have paintings of one
    name: the formats become parts of these names.
    """
    told = _told(photos, animated)
    endings = [f"-{style}{_suffix(photo, photo in animated)}" for photo in photos]
    return [
        photo.with_name(_cut(told[photo], ending) + ending)
        for photo, ending in zip(photos, endings, strict=True)
    ]


def photos_among(paths: Iterable[str], styles: Collection[str]) -> list[str]:
    """Of the files in a folder, by their paths in it, the photos in order.

    Left out are hidden files, and paintings by one of `styles` of another file in the same folder. BMP files cannot say
    that they are paintings: they are left out where the other file is in any folder.
    """
    pictures = [
        path
        for path in map(PurePosixPath, paths)
        if path.suffix.lower() in images.SUFFIXES and not any(part[0] == "." for part in path.parts)
    ]
    told = _told(pictures)
    paintings = {
        (path.parent, f"{_cut(stem, f'-{style}{_suffix(path)}')}-{style}")
        for path in pictures
        for stem in {path.stem, told[path]}
        for style in styles
    }
    anywhere = {stem for _, stem in paintings}
    return sorted(
        str(path)
        for path in pictures
        if (path.parent, path.stem) not in paintings
        and not (path.suffix.lower() == ".bmp" and path.stem in anywhere)
    )


def _told(photos: Iterable[AnyPath], animated: Collection[AnyPath] = ()) -> dict[AnyPath, str]:
    """What stands for each photo in its painting's name."""
    plain = {photo: photo.with_suffix(_suffix(photo, photo in animated)) for photo in photos}
    times = Counter(plain.values())
    return {
        photo: photo.stem if times[path] == 1 else "-".join(filter(None, (photo.stem, photo.suffix[1:])))
        for photo, path in plain.items()
    }


def _suffix(photo: PurePath, animated: bool = False) -> str:
    """What the name of a photo's painting ends in."""
    ending = photo.suffix.lower()
    written = ending in images.WRITTEN and (animated or ending not in INSTEAD)
    return photo.suffix if written else INSTEAD.get(ending, ".png")


def _cut(stem: str, ending: str) -> str:
    """As much of a name as `ending` leaves room for."""
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return stem
