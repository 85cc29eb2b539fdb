"""The folders that come with artlives, and writing files so that nobody finds half of one."""

import hashlib
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from artlives.errors import ArtlivesError

# The names of files that are being written begin with the first, then tell the machine and the process.
TEMPORARY = ".artlives-"
HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
ABANDONED = 60  # seconds after its last change; no file takes so long to write


def shipped_folder(name: str, in_checkout: str) -> Path:
    """The folder `name` that is installed with artlives; in a checkout, the one of another name at its top."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / in_checkout


def sample_photos() -> Path:
    """The folder of the photos that come with artlives."""
    return shipped_folder("samples", "images")


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


def sweep(folder: Path) -> None:
    """Remove from a folder what processes that were killed left of files that they were writing.

    Of another machine's files, it cannot be known whether their process lives: those go by their age.
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
