"""Which files of a folder are photos, and what their paintings are called: PHOTO-STYLE beside PHOTO."""

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from artlives import images


def painting_name(photo: str, style: str) -> str:
    """The name of the painting of a photo, in the photo's format where that is one that is written, else PNG."""
    name = Path(photo)
    suffix = name.suffix if name.suffix.lower() in images.WRITTEN else ".png"
    return f"{name.stem}-{style}{suffix}"


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
