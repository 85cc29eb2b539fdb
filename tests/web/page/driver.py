"""What a visitor does with the page, and what they see."""

import io

import numpy as np
from PIL import Image

from tests.web.browser import FACE, until_marked

STYLES = ["rain-princess", "scream", "shipwreck", "udnie", "wave"]


def choose_file(page, path=FACE):
    page.evaluate("performance.clearMarks()")
    page.set_input_files("#file", path)
    until_marked(page, "previews")


def open_stage(page, style="wave"):
    return repaint(page, lambda: page.click(f".tile[data-style={style}]"))


def repaint(page, action):
    """What the stage shows after an action that has it painted anew, as an array."""
    page.evaluate("performance.clearMeasures()")
    action()
    until_marked(page, "repaint")
    return picture_in(page, "#after")


def picture_in(page, selector, size=(64, 64)):
    """What an image of the page shows on white, as an array."""
    pixels = page.evaluate(
        """async ([selector, width, height]) => {
            const image = document.querySelector(selector);
            // A finer painting may take its place while it is decoded.
            for (let url = ""; url !== image.src; ) {
                url = image.src;
                await image.decode().catch((error) => { if (url === image.src) throw error; });
            }
            const canvas = document.createElement("canvas");
            canvas.width = width;
            canvas.height = height;
            const context = canvas.getContext("2d");
            context.fillStyle = "white";
            context.fillRect(0, 0, width, height);
            context.drawImage(image, 0, 0, width, height);
            return [...context.getImageData(0, 0, width, height).data];
        }""",
        [selector, *size],
    )
    return np.array(pixels).reshape(size[1], size[0], 4)[..., :3]


def screen(page, selector):
    """What an element looks like, as an array."""
    shot = page.screenshot(clip=page.locator(selector).bounding_box())
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def difference(a, b):
    return np.abs(a.astype(float) - b).mean()


def downloaded(page, button):
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Image.open(download.value.path())
