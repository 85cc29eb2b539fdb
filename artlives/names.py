"""Which files of a folder are photos, and what their paintings are called: PHOTO-STYLE beside PHOTO."""

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from artlives import images

# Endings of the paintings of photos in formats that are not written, and of still GIF files, which have 256 colours.
INSTEAD = {".heic": ".jpg", ".heif": ".jpg", ".hif": ".jpg", ".gif": ".png"}


def painting_name(photo: str, style: str, animated: bool = False) -> str:
    """The name of the painting of a photo, in the photo's format where that is one that is written, else PNG.

    A painting of HEIC becomes a JPEG, and one of GIF a GIF only if it is `animated`.
    """
    name = Path(photo)
    ending = name.suffix.lower()
    written = ending in images.WRITTEN and (animated or ending not in INSTEAD)
    return f"{name.stem}-{style}{name.suffix if written else INSTEAD.get(ending, '.png')}"


def photos_among(paths: Iterable[str], styles: Collection[str]) -> list[str]:
    """Of the files in a folder, by their paths in it, the photos in order.

    Left out are hidden files, and paintings by one of `styles` of another file.
    """
    pictures = [
        path
        for path in map(PurePosixPath, paths)
        if path.suffix.lower() in images.SUFFIXES and not any(part[0] == "." for part in path.parts)
    ]
    paintings = {(path.parent, f"{path.stem}-{style}") for path in pictures for style in styles}
    return sorted(str(path) for path in pictures if (path.parent, path.stem) not in paintings)
