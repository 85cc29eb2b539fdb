"""Fixtures that more than one test file uses. No test needs a trained model."""

import os
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from artlives import styles
from artlives.architecture import STYLE_NETWORK, Layer
from artlives.core import memory
from artlives.engines.buffers import Buffers
from artlives.engines.network import StyleNetwork
from artlives.stylizer import Stylizer

# Triton decides when it is imported whether kernels are compiled or interpreted.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests are marked by what they use; and those for a GPU are skipped where there is none."""
    without_gpu = pytest.mark.skip(reason="needs a GPU")
    for item in items:
        for name in ("browser", "cluster"):
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(without_gpu)


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """What is drawn depends on the test's name, not on the order of the tests, which is random."""
    seed = zlib.crc32(request.node.nodeid.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.fixture(scope="session")
def metadata() -> dict[str, Any]:
    """What `styles.save` asks for beside weights and a name."""
    return {
        "painting": "Dots",
        "painter": "Nobody",
        "year": "1900",
        "licence": "public domain",
        "layers": STYLE_NETWORK,
        "training": {"steps": 0},
    }


@pytest.fixture(scope="session", autouse=True)
def no_user(tmp_path_factory) -> Iterator[None]:
    """Nobody's own styles and settings are seen or changed."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The pictures here are small: on a busy machine threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def poisoned_memory() -> Iterator[None]:
    """Arrays "of any content" hold NaN: what reads before it writes shows."""
    take = Buffers.take

    def poisoned_take(self: Buffers, *arguments: Any) -> np.ndarray:
        array = take(self, *arguments)
        array.fill(np.nan)
        return array

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "empty", lambda size, dtype: np.full(size, np.nan, dtype))
        patch.setattr(Buffers, "take", poisoned_take)
        yield


@pytest.fixture(scope="session")
def network() -> StyleNetwork:
    torch.manual_seed(0)
    return StyleNetwork()


@pytest.fixture(scope="session")
def models(tmp_path_factory, network, metadata) -> Path:
    """A folder with two styles that nobody trained, `dots` and `stripes`."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("dots", "stripes"):
        styles.save(folder / f"{name}.safetensors", network.file_weights(), name=name, **metadata)
    return folder


@pytest.fixture(scope="session")
def style_file(models) -> Path:
    return models / "dots.safetensors"


@pytest.fixture(scope="session")
def quick_style(tmp_path_factory, metadata) -> Path:
    """A style of a tiny network that nobody trained: it paints a frame of 900 pixels in some milliseconds."""
    layers = (
        Layer("convolution", 3, 8, kernel=3, stride=2),
        Layer("residual", 8, 8, kernel=3),
        Layer("upsampling", 8, 8, kernel=4, stride=2),
        Layer("output", 8, 3, kernel=3),
    )
    path = tmp_path_factory.mktemp("styles") / "quick.safetensors"
    styles.save(path, StyleNetwork(layers).file_weights(), name="quick", **{**metadata, "layers": layers})
    return path


@pytest.fixture(scope="session")
def quick(quick_style) -> Stylizer:
    return Stylizer(quick_style, device="cpu")


@pytest.fixture
def shipped(models, monkeypatch) -> None:
    """Let artlives take the styles in `models` for those it came with."""
    monkeypatch.setattr(styles, "models_folder", lambda: models)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a camera that shows a face: one for all tests, since a thread has one loop of Playwright's."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    # Imported here, since it needs the service's libraries.
    from tests.web import browser as chromium

    if chromium.CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    film = chromium.film(tmp_path_factory.mktemp("camera") / "face.mjpeg")
    arguments = [
        # Chromium runs as root, as in a container, with this alone.
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
        # A page in a file may look at a film's pixels.
        "--allow-file-access-from-files",
    ]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """A picture (40, 56, 3) whose sides, corners and colours can be told apart."""
    y, x = np.mgrid[0:40, 0:56]
    return np.stack([x * 4, y * 6, 255 - x * 2 - y], axis=-1).astype(np.uint8)


@pytest.fixture
def photo_file(tmp_path, pixels) -> Path:
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(path, quality=95)
    return path
