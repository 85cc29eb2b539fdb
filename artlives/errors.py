"""The one exception that the command line turns into a line for people, and the one cause that has many."""


class ArtlivesError(Exception):
    """A job failed for a reason the user can act on.

    The message is one sentence that names the file or option and says what to do.
    """


def lacks_memory(error: Exception) -> bool:
    """Whether there was too little memory, for which torch has no one exception on all devices."""
    words = ("out of memory", "not enough memory", "allocate memory")
    return isinstance(error, MemoryError) or any(some in str(error) for some in words)
