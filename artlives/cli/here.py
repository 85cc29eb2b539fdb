"""Photos painted on this machine, as `artlives stylize` is asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from artlives import images
from artlives.batch import local
from artlives.batch.paint import paint, read
from artlives.batch.plan import STREAM, Job, NoPictures, Outcome, Plan, plan
from artlives.batch.watch import arrivals
from artlives.cli.engine import device_for, tell_engine
from artlives.cli.study import learnt
from artlives.errors import ArtlivesError
from artlives.files import is_folder
from artlives.settings import Settings
from artlives.styles import Style

if TYPE_CHECKING:
    from artlives.stylizer import Stylizer


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        photos: files, folders, or `STREAM`.
        output: a file, a folder or `STREAM`; None: beside the photos.
        styles: each photo is painted in each of them.
        several: whether it may be more than one painting: what is there already is passed over then.
        overwrite, quality: as `plan` and `images.save` take them.
        settings, device: as `Stylizer` takes them.
        reading: as `images.load` takes it.
    """

    photos: tuple[str, ...]
    output: str | None
    styles: list[Style]
    several: bool
    overwrite: bool
    quality: int
    settings: Settings
    device: str
    reading: images.Reading


class Here:
    """Plans and paints an order on this machine.

    Raises:
        click.UsageError: it makes no sense.
    """

    def __init__(self, order: Order) -> None:
        self.order, self._files = order, local.Folder()
        self._folder = _output_folder(order)
        self._stylizers: dict[str, Stylizer] = {}
        self._styles: dict[Job, Style] = {}
        self._load = partial(self._files.load, reading=order.reading)

    def plan(self) -> Plan:
        """What there is to paint.

        Raises:
            ArtlivesError: as `local.jobs_of` and `plan` do.
        """
        return self._planned(self.order.photos)

    def paint(self, jobs: list[Job]) -> Iterator[Outcome]:
        """Paint jobs of a plan, style by style, and yield the outcome of each."""
        order = self.order
        for style in order.styles:
            mine = [job for job in jobs if self._styles[job] is style]
            if not mine:
                continue
            if order.several:
                stylizer = self._stylizer(style, mine, order.device)
                save = partial(self._files.save, quality=order.quality)
                yield from paint(stylizer, mine, self._load, save)
                local.clean_folders(mine)
            else:
                yield self._paint_one(style, mine[0])

    def watch(self) -> Iterator[Outcome]:
        """Paint what is in the order's folders and what comes into them, without an end."""
        told = set()
        failed: list[Outcome] = []

        def look() -> list[Job]:
            planned: list[Job] = []
            for folder in self.order.photos:
                with suppress(NoPictures):
                    found = self._planned((folder,))
                    planned += found.jobs
                    failed.extend(outcome for outcome in found.failed if outcome not in told)
                    told.update(found.failed)
            return planned

        for jobs in arrivals(look):
            yield from failed
            failed.clear()
            yield from self.paint(jobs)

    def _planned(self, photos: tuple[str, ...]) -> Plan:
        order, jobs = self.order, []
        for style in order.styles:
            mine = local.jobs_of(photos, style, order.output, self._folder)
            self._styles |= dict.fromkeys(mine, style)
            jobs += mine
        if self._folder:
            local.make_folders(jobs)
        return plan(
            jobs, self._files, self._files, overwrite=order.overwrite, resume=order.several, named=photos
        )

    def _stylizer(self, style: Style, jobs: list[Job], device: str) -> Stylizer:
        if style.name not in self._stylizers:
            from artlives.stylizer import Stylizer

            order = self.order
            known = learnt(style, [job.source for job in jobs if job.source != STREAM], order.device)
            first, stylizer = not self._stylizers, Stylizer(known, order.settings, device=device)
            if first:
                tell_engine(stylizer.engine, stylizer.precision, stylizer.reasons)
            self._stylizers[style.name] = stylizer
        return self._stylizers[style.name]

    def _paint_one(self, style: Style, job: Job) -> Outcome:
        """One photo, under a progress bar if it takes long."""
        try:
            photo = read(job, self._load, self.order.settings.size)
        except ArtlivesError as error:
            return Outcome(job, str(error))
        pixels = sum(picture.pixels[..., 0].size for picture in (photo, *photo.more))
        stylizer = self._stylizer(style, [job], device_for(self.order.device, pixels))
        try:
            notes = photo.notes
            height, width = photo.pixels.shape[:2]
            size = self.order.settings.size
            if size is not None and max(height, width) < size:
                notes += (
                    f"{job.photo} has {width}x{height} pixels: its painting gets no larger by --size {size}",
                )
            try:
                layout = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
                with tqdm(total=1.0, delay=2, bar_format=layout, leave=False, disable=None) as bar:
                    painting = stylizer(photo, lambda done: bar.update(done - bar.n))
            except ArtlivesError as error:
                raise ArtlivesError(f"{job.photo}: {error}") from error
            self._files.save(painting, job.target, self.order.quality)
            return Outcome(job, notes=notes)
        except ArtlivesError as error:
            return Outcome(job, str(error))


def _output_folder(order: Order) -> local.Folder | None:
    """The folder that the order's output names, if it names one.

    Raises:
        click.UsageError: the output is no place for what is painted.
    """
    photos, output = order.photos, order.output
    if order.several and STREAM in (*photos, output):
        raise click.UsageError(
            "- stands for one photo in one style: give no folder and no other photo beside it"
        )
    if output is None or output == STREAM:
        return None
    names_folder = output.endswith(("/", os.sep)) or is_folder(output)
    if order.several and not names_folder and Path(output).suffix.lower() in images.SUFFIXES:
        raise click.UsageError(
            f"{output} names a picture, but there may be several: give a folder, {output}/, with -o"
        )
    if STREAM in photos and names_folder:
        raise click.UsageError("a picture from standard input needs a name: give -o FILE")
    return local.Folder(output) if names_folder or order.several else None
