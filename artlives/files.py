"""The folders that come with artlives, what is in a folder, and writing files so that nobody finds half of one."""

import hashlib
import os
import platform
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from artlives.errors import ArtlivesError

# A temporary file's name is this, `HOST`, the process's number and a random part.
TEMPORARY = ".artlives-"
# A short digest of the machine's name: temporary files of several machines may lie in one shared folder.
HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
# Seconds since the last change of another machine's file, after which nobody writes it: no file takes so long.
ABANDONED = 60


def shipped_folder(name: str, in_checkout: str) -> Path:
    """The folder `name` that is installed with artlives; in a checkout, the one of another name at its top."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / in_checkout


def sample_photos() -> Path:
    """The folder of the photos that come with artlives."""
    return shipped_folder("samples", "images")


def files_in(folder: Path, without: Path | None = None) -> list[str]:
    """The files in a folder and its subfolders, as paths in it; hidden subfolders and `without` are left out.

    Links to folders are not followed. Pipes, sockets and devices are left out, too: reading one may never end.

    Raises:
        ArtlivesError: if the folder cannot be read. A subfolder that cannot be read counts as empty.
    """

    def give_up(error: OSError) -> None:
        if error.filename == str(folder):
            raise ArtlivesError(f"{folder} cannot be read: {error.strerror or error}") from error

    found = []
    left_out = without and without.resolve()
    for path, folders, names in os.walk(folder, onerror=give_up):
        here = Path(path)
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() != left_out]
        found += [
            (here / name).relative_to(folder).as_posix() for name in names if not _is_special(here / name)
        ]
    return found


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at `path`; False where that cannot be known."""
    status = _stat(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def identity(path: str | Path) -> tuple[int, int] | None:
    """What is the same for all names of a file; None if there is no file."""
    status = _stat(path)
    return status and (status.st_dev, status.st_ino)


def _is_special(path: Path) -> bool:
    """Whether something is at `path` that is no regular file; False of a link that leads nowhere."""
    status = _stat(path)
    return status is not None and not stat.S_ISREG(status.st_mode)


def _stat(path: str | Path) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None


def check_file(path: str | Path, overwrite: bool) -> None:
    """Raise ArtlivesError unless a file can be written to `path`, which is replaced with `overwrite` alone."""
    folder = Path(path).parent
    if not is_folder(folder):
        raise ArtlivesError(f"{path} cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ArtlivesError(f"{path} cannot be written: no permission in the folder {folder}")
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return
    except OSError as error:
        # Of a name that is too long, above all.
        raise ArtlivesError(f"{path} cannot be written: {error.strerror or error}") from error
    if not overwrite:
        raise ArtlivesError(f"{path} is there already: give --overwrite to replace it")
    if not stat.S_ISREG(status.st_mode):
        raise ArtlivesError(f"{path} is not a regular file: choose another name to write to")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the body is through, rename it to `path`.

    A file that was at `path` is replaced; a link is followed. If the body fails, the temporary file
    is removed and what was at `path` stays as it was.

    Raises:
        ArtlivesError: for every `OSError` on the way (no such folder, no permission, full disk), and
            where `path` is there and is not a regular file.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{TEMPORARY}{HOST}-{os.getpid()}-{secrets.token_hex(6)}")
    try:
        if target.exists() and not target.is_file():
            raise ArtlivesError(f"{path} is not a regular file: choose another name to write to")
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise ArtlivesError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files in a folder that `replacing` left there when its process was killed.

    Whether a process of another machine lives cannot be known: its files are removed when they are `ABANDONED` old.
    """
    import psutil

    for path in folder.glob(f"{TEMPORARY}*"):
        host, _, process = path.name.removeprefix(TEMPORARY).partition("-")
        number = process.partition("-")[0]
        with suppress(OSError):
            known = host == HOST and number.isdecimal()
            left = (
                not psutil.pid_exists(int(number))
                if known
                else time.time() - path.stat().st_mtime > ABANDONED
            )
            if left:
                path.unlink()
