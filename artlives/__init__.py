"""artlives: repaint a photograph in the style of a painter.

    from artlives import Stylizer
    Stylizer("wave")(Image.open("photo.jpg")).save("out.jpg")

Importing this package imports neither NumPy nor torch. `Stylizer` imports NumPy, and torch, where it is installed, for
a GPU or in place of the compiled core.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Settings", "Stylizer", "__version__", "styles"]

if TYPE_CHECKING:
    from artlives import styles
    from artlives.settings import Settings
    from artlives.stylizer import Stylizer


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "Stylizer":
        return import_module("artlives.stylizer").Stylizer
    if name == "Settings":
        return import_module("artlives.settings").Settings
    if name == "styles":
        return import_module("artlives.styles")
    raise AttributeError(f"module 'artlives' has no attribute {name!r}")
