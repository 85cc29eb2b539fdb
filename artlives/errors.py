"""The one exception that the command line turns into a line for people."""


class ArtlivesError(Exception):
    """A job failed for a reason the user can act on.

    The message is one sentence that names the file or option and says what to do.
    """
