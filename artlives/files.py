"""Writing files so that nobody finds half of one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from artlives.errors import ArtlivesError

TEMPORARY = ".artlives-"  # what the names of files begin with that are being written


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
    temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(6)}")
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
