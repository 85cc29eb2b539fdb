"""Malformed uploads: refused with a sentence, or painted where a picture can still be made of them; never a failure."""

import gc
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from artlives import images
from artlives.images import Photo
from artlives.web.app import create_app
from artlives.web.decoding import Job, Limits, Refusal, decode
from tests.web.connection import connect, picture_bytes

# Starlette leaves the file of a form that is cut short to the garbage collector; it lies in memory.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning")

PHONE = Path(__file__).parents[1] / "images" / "phone.heic"
TYPES = (
    "image/jpeg",
    "text/html",
    "application/json",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
)
# Seconds.
PATIENCE = 60
PATHS = ("/api/stylize", "/api/sheet")


@pytest.fixture(autouse=True)
def collected():
    """Those files are collected before the warning counts again."""
    yield
    gc.collect()


def originals():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        *(picture_bytes(noise, format) for format in images.READ),
        picture_bytes(noise, "JPEG", exif=exif, progressive=True),
        picture_bytes(noise.convert("P"), "PNG", transparency=0),
        picture_bytes(noise.convert("CMYK"), "TIFF", compression="tiff_lzw"),
    ]


ORIGINALS = originals()


@pytest.fixture(scope="module")
def service(models):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("artlives.styles.models_folder", lambda: models)
        # Pixels: a small size, since what is painted makes no difference here.
        patch.setattr("artlives.passes.FINEST", 64)
        with connect(create_app(device="cpu")) as client:
            yield client


@st.composite
def damaged(draw):
    data = bytearray(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


def check(response):
    assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
    if response.status_code == 200:
        Image.open(io.BytesIO(response.content)).load()
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"].endswith(".")


@given(
    data=st.one_of(damaged(), st.binary(max_size=200)),
    type=st.sampled_from(TYPES),
    path=st.sampled_from(PATHS),
)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_bodies(service, data, type, path):
    query = "?style=dots" if path == "/api/stylize" else ""
    check(service.post(path + query, content=data, headers={"content-type": type}))


@given(data=damaged(), fields=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_files_in_forms(service, data, fields):
    fields = {"style": "dots", **fields}
    check(service.post("/api/stylize", data=fields, files={"file": ("me.jpg", data)}))


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="style"\r\n\r\ndots\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="me.png"\r\nContent-Type: image/png\r\n\r\n'
    + ORIGINALS[1][:200]
    + b"\r\n--x--\r\n"
)


@given(
    st.integers(0, len(FORM)),
    st.lists(st.tuples(st.integers(0, len(FORM) - 1), st.integers(0, 255)), max_size=5),
)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_forms(service, end, changes):
    form = bytearray(FORM)
    for place, value in changes:
        form[place] = value
    headers = {"content-type": "multipart/form-data; boundary=x"}
    check(service.post("/api/stylize", content=bytes(form[:end]), headers=headers))


@pytest.mark.parametrize("data", ORIGINALS)
def test_each_original_is_painted_and_none_cut_short_is_a_failure(service, data):
    assert service.post("/api/stylize?style=dots", content=data).status_code == 200
    for end in range(0, len(data), max(1, len(data) // 25)):
        check(service.post("/api/stylize?style=dots", content=data[:end]))


def test_the_service_still_answers(service):
    assert service.get("/healthz").status_code == 200


@pytest.mark.parametrize("format", [*images.READ, "HEIF"])
def test_pictures_with_too_many_pixels_are_refused_by_their_headers(format):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8))
    data = PHONE.read_bytes() if format == "HEIF" else picture_bytes(noise, format)
    # Of a process that does nothing else: here they would end the tests.
    limits = Limits(header_seconds=PATIENCE, seconds=PATIENCE, memory=1 << 40)
    photo = decode(Job(data, 16, 10**6, limits))
    assert isinstance(photo, Photo)
    assert photo.pixels.shape[2] == 3
    refusal = decode(Job(data, 16, 100, limits))
    assert isinstance(refusal, Refusal)
    assert refusal.status == 413
