"""Moving pictures: videos and animations, painted frame by frame and steadily."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artlives.video.painting import frames, paint
    from artlives.video.source import Selection, look

__all__ = ["Selection", "frames", "look", "paint"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for, as are NumPy and PyAV by it.
    if name in ("frames", "paint"):
        from artlives.video import painting

        return getattr(painting, name)
    if name in ("Selection", "look"):
        from artlives.video import source

        return getattr(source, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
