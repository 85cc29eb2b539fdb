"""Folders of pictures on this machine, in an object store, or in any other file system that fsspec knows.

pyarrow's own file systems are taken first (paths, file, s3, gs, abfs, hdfs), then those of fsspec. Needs both packages,
which come with `artlives[ray]`.
"""

from __future__ import annotations

import io
import os
import secrets
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TypeVar

import fsspec
from pyarrow.fs import FileSelector, FileSystem, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem

from artlives import images
from artlives.errors import ArtlivesError
from artlives.files import TEMPORARY, identity
from artlives.images import Photo

T = TypeVar("T")

# Attempts at reading or writing a file, since networks fail now and then.
ATTEMPTS = 3
# Files that are looked into at a time: a store answers each after some hundredths of a second.
REQUESTS = 32
# Stores that show a file only when it is closed.
APPEARING_WHOLE = ("s3", "gcs", "abfs")


class Folder:
    """A folder by its path or URI, a `plan.Folder`; it can be pickled.

    Files in it are named by its name, a slash and their path in it.

    Raises:
        ArtlivesError: if there is no such file system.
    """

    def __init__(self, uri: str) -> None:
        self.name = (uri.partition("?")[0] if "://" in uri else uri).rstrip("/") or "/"
        self.system: FileSystem
        if "://" not in uri:
            self.system, self.root = LocalFileSystem(), os.path.abspath(uri)  # noqa: PTH100
            return
        try:
            try:
                self.system, root = FileSystem.from_uri(uri)
            except ValueError:
                # pyarrow does not know the scheme.
                system, root = fsspec.url_to_fs(uri)
                self.system = PyFileSystem(FSSpecHandler(system))
        except (OSError, ValueError, ImportError) as error:
            raise ArtlivesError(f"{uri} cannot be reached: {error}") from error
        self.root = root.rstrip("/")

    def file(self, path: str) -> str:
        """See `plan.Folder`."""
        return f"{self.name}/{path}"

    def files(self, without: Folder | None = None) -> list[str]:
        """The files in the folder and its subfolders as paths in it, those in the folder `without` left out.

        A folder that is not there is empty.

        Raises:
            ArtlivesError: if it cannot be read.
        """
        try:
            found = self.system.get_file_info(FileSelector(self.root, recursive=True, allow_not_found=True))
        except OSError as error:
            raise ArtlivesError(f"{self.name} cannot be read: {error}") from error
        inside = without is not None and without.root.startswith(f"{self.root}/")
        left_out = f"{without.root}/" if without and inside else None
        return [
            file.path.removeprefix(f"{self.root}/")
            for file in found
            if file.type == FileType.File and not (left_out and file.path.startswith(left_out))
        ]

    def there(self, files: Iterable[str]) -> set[str]:
        """See `plan.Folder`."""
        # One listing: to ask a store for each file would take a request each.
        listed = set(self.files())
        return {file for file in files if self._inside(file) in listed}

    def paintings(self, files: Iterable[str]) -> set[str]:
        """See `plan.Folder`; one that cannot be read counts as a photo."""

        def is_painting(file: str) -> bool:
            try:
                with self.system.open_input_file(self._path(file)) as stream:
                    return images.is_painting(stream)
            except OSError:
                return False

        files = list(files)
        with ThreadPoolExecutor(REQUESTS) as pool:
            return {file for file, found in zip(files, pool.map(is_painting, files), strict=True) if found}

    def identity(self, file: str) -> Hashable:
        """See `plan.Folder`: device and inode, or the file system and the path in it."""
        path = self._path(file)
        return identity(path) if isinstance(self.system, LocalFileSystem) else (self.system.type_name, path)

    def destination(self, file: str) -> Hashable:
        """See `plan.Folder`: the path in the file system."""
        return self._path(file)

    def check_readable(self, file: str) -> None:
        """Nothing is known before it is read."""

    def check_writable(self, file: str, overwrite: bool) -> None:
        """Nothing is known before it is written: folders are made then."""

    def is_animated(self, file: str) -> bool:
        """Nothing is known before it is read."""
        return False

    def load(self, file: str, target: str | None = None, reading: images.Reading = images.DEFAULT) -> Photo:
        """The picture in a file, as `images.load` reads it; it is tried again where a network fails.

        Raises:
            ArtlivesError: if it cannot be read, or as `images.load` does.
        """

        def read() -> bytes:
            with self.system.open_input_stream(self._path(file)) as stream:
                content: bytes = stream.read()
                return content

        try:
            data = _tried_again(read)
        except OSError as error:
            raise ArtlivesError(f"{file} cannot be read: {error}") from error
        return images.load(io.BytesIO(data), file, target=target, reading=reading)

    def save(self, picture: Photo, file: str, quality: int) -> None:
        """Write a picture to a file, which appears whole or not at all; its folder is made.

        Raises:
            ArtlivesError: if it cannot be written, or as `images.save` does.
        """
        path = self._path(file)
        buffer = io.BytesIO()
        images.save(picture, buffer, format=images.format_of(path), quality=quality)

        def write() -> None:
            if self.system.type_name in APPEARING_WHOLE:
                with self.system.open_output_stream(path) as stream:
                    stream.write(buffer.getbuffer())
                return
            folder = PurePosixPath(path).parent
            temporary = str(folder / f"{TEMPORARY}{secrets.token_hex(6)}")
            self.system.create_dir(str(folder), recursive=True)
            try:
                with self.system.open_output_stream(temporary) as stream:
                    stream.write(buffer.getbuffer())
                self.system.move(temporary, path)
            except OSError:
                with suppress(OSError):
                    self.system.delete_file(temporary)
                raise

        try:
            _tried_again(write)
        except OSError as error:
            raise ArtlivesError(f"{file} cannot be written: {error}") from error

    def _inside(self, file: str) -> str:
        """The path in this folder of the file of this name."""
        return file.removeprefix(self.name).lstrip("/")

    def _path(self, file: str) -> str:
        """The path in its file system of the file of this name."""
        return f"{self.root}/{self._inside(file)}"


def _tried_again(job: Callable[[], T]) -> T:
    """What `job` returns; up to `ATTEMPTS` times, as long as it raises an OSError that may pass."""
    for attempt in range(1, ATTEMPTS):
        try:
            return job()
        except (FileNotFoundError, PermissionError):
            raise
        except OSError:
            time.sleep(attempt)
    return job()
