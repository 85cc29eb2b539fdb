import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from artlives import styles
from artlives.errors import ArtlivesError
from artlives.explanation import page, reconstruction
from artlives.images import Photo
from artlives.training.objective import CONTENT_LAYER
from artlives.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("few_iterations")

TIMES = "\N{MULTIPLICATION SIGN}"


class Page(HTMLParser):
    """What a page refers to, and what of it a screen reader would miss."""

    def __init__(self, text):
        super().__init__()
        self.links, self.pictures, self.open, self.headings, self.nameless = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [value for name, value in attributes.items() if name in ("src", "href")]
        if tag == "img" and "src" in attributes:
            self.pictures.append(attributes["alt"])
            if not attributes["alt"]:
                self.nameless.append(attributes["src"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("path", "rect"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        """Of a diagram."""


@pytest.fixture
def style(style_file):
    return styles.read(style_file)


@pytest.fixture
def write(style, pixels, tmp_path):
    """Write the page on a photo, or on `pixels`; its text."""

    def written(photo=None, style=style, **options):
        path = tmp_path / "page.html"
        page.explain(Photo(pixels if photo is None else photo), style, path, device="cpu", **options)
        return path.read_text("utf-8")

    return written


@pytest.mark.usefixtures("shipped")
def test_one_file_that_is_read_offline(write, tmp_path):
    text = write()
    found = Page(text)
    assert not found.open
    assert "://" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    for link in found.links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
            continue
        kind, _, data = link.partition(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            picture.load()
            assert kind == f"data:image/{picture.format.lower()}"
    # Photo and painting; eight channels each of eleven blocks; 24 filters and pieces of the photo; the painting without
    # each of five blocks; eleven channels and a painting in each of two styles; and what five layers keep.
    assert len(found.pictures) == 2 + 8 * 11 + 2 * 24 + 5 + 2 * 12 + 5


@pytest.mark.usefixtures("shipped")
def test_a_page_for_everybody(write):
    text = write()
    found = Page(text)
    assert not found.nameless
    assert found.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert '<html lang="en"' in text
    assert "prefers-color-scheme: dark" in text


@pytest.mark.usefixtures("shipped")
def test_every_block_is_drawn_and_has_its_sentence(write, style):
    text = write()
    blocks = re.findall(r"<li .*?</li>", text, re.DOTALL)
    rows = re.findall(r"<tr><td><svg.*?</tr>", text, re.DOTALL)
    assert (len(blocks), len(rows)) == (12, 13)
    for i, (block, row, layer) in enumerate(zip(blocks, rows[1:], style.layers, strict=True)):
        assert f"Block {i + 1}: {layer.kind}" in block
        assert re.search(r"<p>[A-Z].*\.</p>", block)
        assert f"{layer.kernel} {TIMES} {layer.kernel}" in row
        assert f"<td>{layer.outputs} {TIMES} " in row
    assert len(set(re.findall(r"<p>(.*?)</p>", "".join(blocks)))) == 12
    assert "learned from Nobody, Dots, 1900" in text
    assert "--painting FILE" in text


@pytest.mark.usefixtures("shipped")
def test_names_are_text_not_markup(write, tmp_path, network, metadata):
    path = tmp_path / "evil.safetensors"
    styles.save(path, network.file_weights(), name="evil", **{**metadata, "painter": "<script>1</script>"})
    text = write(style=styles.read(path))
    assert "<script>1" not in text
    assert "&lt;script&gt;1" in text


@pytest.mark.usefixtures("shipped")
def test_what_the_perceptual_network_keeps(write, perceptual_file, painting):
    told = []
    text = write(
        perceptual=perceptual_file,
        painting=painting,
        report=lambda what, done, total: told.append((done, total)),
    )
    found = Page(text)
    assert not found.nameless
    assert sum("keeps of the photo" in alt for alt in found.pictures) == 5
    assert sum("keeps of the painting" in alt for alt in found.pictures) == 4
    assert "The painting that the style was learned from" in found.pictures
    assert "--painting FILE" not in text
    assert told == [(done, 9) for done in range(10)]


def test_the_layers_are_those_that_training_uses():
    assert set(reconstruction.STYLE_LAYERS) == set(Recipe.style_layers)
    assert set(reconstruction.CONTENT_LAYERS) == {*Recipe.style_layers, CONTENT_LAYER}


@pytest.mark.parametrize("shape", [(1, 1, 3), (15, 40, 3), (40, 2000, 3)])
def test_photos_too_small_or_narrow(write, tmp_path, shape):
    with pytest.raises(ArtlivesError, match="too small or too narrow"):
        write(np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(style, pixels, tmp_path):
    with pytest.raises(ArtlivesError, match=r"none/out\.html cannot be written"):
        page.explain(Photo(pixels), style, tmp_path / "none" / "out.html", device="cpu")
