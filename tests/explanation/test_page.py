import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from artlives import images, styles
from artlives.errors import ArtlivesError
from artlives.explanation import page
from artlives.images import Photo
from artlives.training.objective import CONTENT_LAYER
from artlives.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("few_iterations")


class Page(HTMLParser):
    """What a page refers to, and what of it a screen reader would miss."""

    def __init__(self, text):
        super().__init__()
        self.links, self.open, self.headings, self.nameless = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [value for name, value in attributes.items() if name in ("src", "href")]
        if tag == "img" and not attributes.get("alt"):
            self.nameless.append(attributes["src"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def style(style_file):
    return styles.read(style_file)


def test_a_page_that_is_read_offline(style, pixels, tmp_path):
    written = page.explain(Photo(pixels), style, tmp_path / "new" / "out", device="cpu")
    assert written == tmp_path / "new" / "out" / "index.html"
    text = written.read_text("utf-8")
    found = Page(text)
    assert not found.open
    assert "://" not in text
    # Photo, filters, twelve blocks, and what five layers keep of the photo.
    assert len(set(found.links)) == 19
    for link in found.links:
        with Image.open(written.parent / link) as picture:
            picture.load()
    assert {path.name for path in (written.parent / "pictures").iterdir()} == {
        link.removeprefix("pictures/") for link in found.links
    }


def test_a_page_for_everybody(style, pixels, tmp_path):
    text = page.explain(Photo(pixels), style, tmp_path, device="cpu").read_text("utf-8")
    found = Page(text)
    assert not found.nameless
    assert found.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(found.headings, found.headings[1:], strict=False))
    assert '<html lang="en">' in text
    assert "prefers-color-scheme: dark" in text


def test_every_block_is_named_and_has_its_sentence(style, pixels, tmp_path):
    text = page.explain(Photo(pixels), style, tmp_path, device="cpu").read_text("utf-8")
    blocks = re.findall(r"<li>.*?</li>", text, re.DOTALL)
    assert len(blocks) == 12
    for i, (block, layer) in enumerate(zip(blocks, style.layers, strict=True)):
        assert f"Block {i + 1}: {layer.kind}" in block
        sentence = re.search(r"<p>\s*(.*?)\s*</p>", block, re.DOTALL).group(1)
        assert sentence.count(".") == 1
        assert sentence.endswith(".")
    assert "<em>Dots</em> by Nobody (1900)" in text
    assert "--painting FILE" in text


def test_names_are_text_not_markup(tmp_path, network, metadata, pixels):
    path = tmp_path / "evil.safetensors"
    styles.save(path, network.file_weights(), name="evil", **{**metadata, "painter": "<script>1</script>"})
    text = page.explain(Photo(pixels), styles.read(path), tmp_path / "out", device="cpu").read_text("utf-8")
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_what_the_perceptual_network_keeps(style, pixels, tmp_path, perceptual_file, painting):
    written = page.explain(Photo(pixels), style, tmp_path, perceptual=perceptual_file, device="cpu")
    assert len(list((tmp_path / "pictures").glob("photo-conv*.png"))) == 5
    assert "--painting FILE" in written.read_text("utf-8")
    page.explain(Photo(pixels), style, tmp_path, perceptual=perceptual_file, painting=painting, device="cpu")
    found = Page(written.read_text("utf-8"))
    assert not found.nameless
    for link in found.links:
        assert (tmp_path / link).is_file()
    assert sum("painting-conv" in link for link in found.links) == 4
    assert images.load(tmp_path / "pictures" / "photo-conv3_4.png").pixels.shape == pixels.shape


def test_the_layers_are_those_that_training_uses():
    assert set(page.KEPT["painting"]) == set(Recipe.style_layers)
    assert set(page.KEPT["photo"]) == {*Recipe.style_layers, CONTENT_LAYER}


@pytest.mark.parametrize("shape", [(1, 1, 3), (15, 40, 3), (40, 2000, 3)])
def test_photos_too_small_or_narrow(style, tmp_path, shape):
    with pytest.raises(ArtlivesError, match="too small or too narrow"):
        page.explain(Photo(np.zeros(shape, np.uint8)), style, tmp_path / "out", device="cpu")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be(style, pixels, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtlivesError, match="file/out cannot be made a folder"):
        page.explain(Photo(pixels), style, tmp_path / "file" / "out", device="cpu")
