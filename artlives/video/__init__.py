"""Moving pictures: videos and animations, painted frame by frame and steadily."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artlives.video.painting import Selection, frames, look, paint

__all__ = ["Selection", "frames", "look", "paint"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for, as are NumPy and PyAV by it.
    if name in __all__:
        from artlives.video import painting

        return getattr(painting, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
