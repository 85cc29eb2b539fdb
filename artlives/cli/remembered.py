"""Which photos `artlives train` learns on when none are named: those of the last time."""

import json
from pathlib import Path

import platformdirs

from artlives.errors import ArtlivesError
from artlives.files import replacing


def settings_file() -> Path:
    """The JSON file that keeps the folder named last; it need not be there."""
    return platformdirs.user_config_path("artlives", appauthor=False) / "settings.json"


def photos_folder() -> Path | None:
    """The folder that `remember_photos` was called with last, None before.

    Raises:
        ArtlivesError: the settings are damaged, or the folder is gone.
    """
    file = settings_file()
    if not file.exists():
        return None
    try:
        folder = Path(json.loads(file.read_text())["photos"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtlivesError(f"{file} cannot be read: remove it, and name a folder with --photos") from error
    if not folder.is_dir():
        raise ArtlivesError(f"the photos in {folder}, named last time, are gone: name a folder with --photos")
    return folder


def remember_photos(folder: Path) -> None:
    """Keeps `folder` for the trainings to come.

    Raises:
        ArtlivesError: the settings cannot be written.
    """
    file = settings_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtlivesError(f"{file} cannot be written: {error.strerror}") from error
    with replacing(file) as temporary:
        temporary.write_text(json.dumps({"photos": str(folder.resolve())}))
