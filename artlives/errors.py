"""The exceptions that the command line turns into a line for people, and the one cause that has many."""

from importlib.util import find_spec


class ArtlivesError(Exception):
    """A job failed for a reason the user can act on.

    The message is one sentence that names the file or option and says what to do.
    """


class MissingPackage(ArtlivesError, ImportError):
    """A package is not installed; the message names the extra that it comes with."""


def needs(what: str, extra: str, *packages: str) -> None:
    """Check that `packages`, which come with `pip install 'artlives[extra]'`, are installed; none is imported.

    Args:
        what: needs them: a command, an option or a function, the subject of the message.

    Raises:
        MissingPackage: one is not.
    """
    for package in packages:
        if not find_spec(package):
            raise MissingPackage(
                f"{what} needs {package}, which is not installed: pip install 'artlives[{extra}]'"
            )


def lacks_memory(error: Exception) -> bool:
    """Whether there was too little memory, for which torch has no one exception on all devices."""
    words = ("out of memory", "not enough memory", "allocate memory")
    return isinstance(error, MemoryError) or any(some in str(error) for some in words)
