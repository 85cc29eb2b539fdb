"""What a training leaves to look at: a log of its losses, previews of its pictures, and a sheet and a plot of both."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from artlives import images
from artlives.errors import ArtlivesError
from artlives.files import TEMPORARY, replacing
from artlives.images import Photo
from artlives.sheet import contact_sheet

# Pixels, the width of a preview in the sheet: three side by side fill a wide screen.
TILE = 640


class Record:
    """The log and the previews in a training's folder, the `sheet` and the `plot` that are drawn of them.

    Every method raises ArtlivesError where a file cannot be written or removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log.jsonl"
        self.sheet, self.plot = folder / "previews.jpg", folder / "losses.png"

    def add(self, entry: dict[str, Any]) -> None:
        """Appends a line of JSON to the log; `entry` holds its "step"."""
        try:
            with self.log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise ArtlivesError(f"{self.log} cannot be written: {error.strerror}") from error

    def entries(self) -> list[dict[str, Any]]:
        """The log's entries; a line that was cut short by a sudden end is left out."""
        entries = []
        for line in self.log.read_text().splitlines() if self.log.exists() else ():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    def add_preview(self, step: int, picture: Photo) -> None:
        """Writes the preview of a step."""
        images.save(picture, self.folder / f"preview-{step:05}.jpg")

    def previews(self) -> dict[int, Path]:
        """The previews there are, by step."""
        files = sorted(self.folder.glob("preview-*.jpg"))
        return {int(file.stem.partition("-")[2]): file for file in files}

    def forget_after(self, step: int) -> None:
        """Removes entries and previews of later steps, and what was being written when a process was killed."""
        kept = [entry for entry in self.entries() if entry["step"] <= step]
        later = [file for at, file in self.previews().items() if at > step]
        try:
            for file in [*later, *self.folder.glob(f"{TEMPORARY}*")]:
                file.unlink()
        except OSError as error:
            raise ArtlivesError(f"{error.filename} cannot be removed: {error.strerror}") from error
        with replacing(self.log) as temporary:
            temporary.write_text("".join(json.dumps(entry) + "\n" for entry in kept))

    def draw_previews(self) -> None:
        """Writes the sheet of all previews."""
        entries = self.entries()
        tiles = []
        for step, file in self.previews().items():
            preview = Image.open(file)
            picture = preview.resize((TILE, round(preview.height * TILE / preview.width)))
            before = [entry for entry in entries if entry["step"] <= step]
            line = "style {style:.2f}, content {content:.2f}".format(**before[-1]) if before else ""
            tiles.append((picture, f"step {step}", line))
        images.save(images.from_pil(contact_sheet(tiles, columns=3)), self.sheet)

    def draw_losses(self) -> None:
        """Writes the plot of the losses over the steps."""
        # Imported here, since it takes a second.
        from matplotlib.figure import Figure

        entries = self.entries()
        steps = [entry["step"] for entry in entries]
        figure = Figure((7, 6), layout="constrained")
        distances, steadiness = figure.subplots(2, sharex=True, height_ratios=(2, 1))
        for name in ("style", "content"):
            distances.plot(steps, [entry[name] for entry in entries], label=name)
        distances.set(yscale="log", ylabel="relative distance")
        distances.yaxis.set_major_formatter("{x:.2g}")
        distances.yaxis.set_minor_formatter("{x:.2g}")
        distances.legend()
        steadiness.plot(steps, [entry["steadiness"] for entry in entries], color="C2")
        steadiness.set(xlabel="step", ylabel="steadiness, dB")
        for axes in (distances, steadiness):
            axes.grid(alpha=0.3)
        with replacing(self.plot) as temporary:
            figure.savefig(temporary, format="png", dpi=100)
