import io
import zlib

import numpy as np
import pytest
from PIL import Image

from artlives import Stylizer, passes, styles
from artlives.web import uploads
from tests.web.connection import picture_bytes


def pixels_of(response):
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))


def post(client, data, **fields):
    return client.post("/api/stylize", data=fields, files={"file": ("me.png", data)})


@pytest.mark.smoke
def test_lists_the_styles(client):
    styles = client.get("/api/styles").json()
    assert [style["name"] for style in styles] == ["dots", "stripes"]
    assert styles[0] | {"painting": "Dots", "painter": "Nobody", "year": "1900"} == styles[0]


def test_a_damaged_style_is_left_out(client, models):
    damaged = models / "torn.safetensors"
    damaged.write_bytes(b"half of")
    try:
        assert len(client.get("/api/styles").json()) == 2
    finally:
        damaged.unlink()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strength": 0.5},
        {"keep_colors": True},
        {"size": 64, "strength": 0.2},
        {"brush": "broader"},
        {"one_pass": True},
    ],
)
def test_paints_as_the_stylizer_does(client, png, pixels, style_file, settings):
    expected = Stylizer(style_file, device="cpu", **settings)(pixels)
    form = post(client, png, style="dots", format="png", **settings)
    query = {"style": "dots", "format": "png", **settings}
    body = client.post("/api/stylize", params=query, content=png)
    for response in (form, body):
        assert response.headers["content-type"] == "image/png"
        assert np.array_equal(pixels_of(response), expected)


def test_brush_and_one_pass_reach_the_stylizer(fake_stylizer, client, png):
    fake_stylizer.go.set()
    for brush in passes.BRUSHES:
        assert post(client, png, style="dots", brush=brush, one_pass=True).status_code == 200
    assert post(client, png, style="dots").status_code == 200
    assert client.post("/api/sheet", data={"brush": "finer"}, files={"file": png}).status_code == 200
    asked = [(settings.brush, settings.one_pass) for settings in fake_stylizer.asked]
    assert asked == [
        *((brush, True) for brush in passes.BRUSHES),
        ("default", False),
        # One for each style.
        *[("finer", False)] * 2,
    ]


def test_size_and_format(client):
    large = picture_bytes(Image.new("RGB", (300, 150), "red"), "JPEG")
    for format, media_type in (("jpeg", "jpeg"), ("jpg", "jpeg"), ("png", "png"), ("webp", "webp")):
        response = post(client, large, style="dots", size=100, format=format, strength=0)
        assert response.headers["content-type"] == f"image/{media_type}"
        assert Image.open(io.BytesIO(response.content)).format == media_type.upper()
        assert pixels_of(response).shape == (50, 100, 3)


def test_orientation_is_applied_and_place_is_not_passed_on(client):
    exif = Image.Exif()
    # Orientation 6: the picture lies on its side.
    exif[0x0112] = 6
    exif[0x8825] = {1: "N", 2: (51.0, 0.0, 0.0)}
    data = picture_bytes(Image.new("RGB", (60, 40)), "JPEG", exif=exif)
    painting = Image.open(io.BytesIO(post(client, data, style="dots").content))
    assert painting.size == (40, 60)
    assert 0x8825 not in painting.getexif()


@pytest.mark.parametrize("hidden", [0, 255])
def test_cut_outs_are_painted_the_same_whatever_they_hide(client, pixels, hidden):
    # A page's canvas has black under what is transparent, a file anything.
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[8:32, 10:40] = 255
    visible = alpha > 0
    paintings = []
    for colours in (pixels, np.where(visible[..., None], pixels, hidden).astype(np.uint8)):
        data = picture_bytes(Image.fromarray(np.dstack([colours, alpha])), "PNG")
        kept, laid = (
            Image.open(io.BytesIO(post(client, data, style="dots", format=format).content))
            for format in ("png", "jpeg")
        )
        assert np.array_equal(kept.getchannel("A"), alpha)
        paintings.append(np.asarray(kept.convert("RGB"))[visible])
        laid = np.asarray(laid).astype(int)
        assert np.abs(laid[visible] - paintings[-1]).mean() < 6
        assert laid[~visible].mean() > 245
    assert np.array_equal(*paintings)


def test_server_timing_tells_the_steps(client, png):
    steps = post(client, png, style="dots").headers["server-timing"].split(", ")
    assert [step.partition(";")[0] for step in steps] == ["decode", "queue", "paint", "encode"]
    assert all(0 <= float(step.partition("dur=")[2]) < 60_000 for step in steps)


def test_sheet_shows_the_photo_and_every_style(client, png):
    response = client.post("/api/sheet", data={"columns": 3, "format": "png"}, files={"file": png})
    sheet = pixels_of(response)
    assert sheet.shape[1] == 3 * 56 + 4 * 12


@pytest.mark.parametrize("side", [8000, 50_000])
def test_a_bomb_is_refused_by_its_header(client, side):
    # What follows the header is damaged, which decoding would find.
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = len(header[4:]).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    response = post(client, b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x00IDAT", style="dots")
    assert_problem(response, 413, "50 million pixels")


def assert_problem(response, status, sentence):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert sentence in problem["detail"]
    assert "/" not in problem["detail"].replace("/docs", "").replace("at /,", "")
    assert "Traceback" not in problem["detail"]


@pytest.mark.parametrize(
    ("data", "fields", "status", "sentence"),
    [
        (b"not a picture", {"style": "dots"}, 415, "not a picture"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), {"style": "dots"}, 422, "damaged or cut short"),
        (b"", {"style": "dots"}, 422, "There is no picture"),
        ("cut", {"style": "dots"}, 422, "damaged or cut short"),
        (
            "tiny",
            {"style": "dots"},
            422,
            "The picture has 3x3 pixels and is too small to paint: each side needs 16.",
        ),
        ("whole", {}, 422, "style: field required"),
        ("whole", {"style": "dot"}, 422, "the styles are: dots, stripes"),
        ("whole", {"style": "../models/dots.safetensors"}, 422, "There is no style"),
        ("whole", {"style": "d" * 300}, 422, "There is no style"),
        ("whole", {"style": "d" * 1001}, 422, "style: string should have at most 1000 characters"),
        ("whole", {"style": "dots", "strength": "2"}, 422, "strength"),
        ("whole", {"style": "dots", "strength": "nan"}, 422, "strength"),
        ("whole", {"style": "dots", "size": "99999"}, 422, "size"),
        ("whole", {"style": "dots", "brush": "tiny"}, 422, "brush: input should be 'finer', 'default' or"),
        ("whole", {"style": "dots", "one_pass": "2"}, 422, "one_pass"),
        ("whole", {"style": "dots", "format": "exe"}, 422, "format"),
        ("whole", {"style": "dots", "colour": "1"}, 422, "there is no 'colour'"),
    ],
)
def test_errors_are_problems_for_people(client, jpeg, data, fields, status, sentence):
    if isinstance(data, str):
        tiny = picture_bytes(Image.new("RGB", (3, 3)), "PNG")
        data = {"cut": jpeg[: len(jpeg) // 2], "tiny": tiny, "whole": jpeg}[data]
    response = post(client, data, **fields)
    if fields.get("style", "").startswith("../"):
        assert response.status_code == status
    else:
        assert_problem(response, status, sentence)
    assert "artlives" not in response.json()["detail"]


def test_a_form_without_a_picture(client):
    assert_problem(client.post("/api/stylize", data={"style": "dots"}, files={"photo": b"x"}), 422, "'file'")
    text = client.post("/api/stylize", files={"file": (None, "words"), "style": (None, "dots")})
    assert_problem(text, 422, "no picture")
    broken = client.post("/api/stylize", content=b"nothing", headers={"content-type": "multipart/form-data"})
    assert_problem(broken, 422, "form cannot be read")


def test_wrong_method_and_address(client):
    response = client.get("/api/stylize")
    assert_problem(response, 405, "another method")
    assert response.headers["allow"] == "POST"
    assert_problem(client.get("/api/none"), 404, "nothing here")
    assert_problem(client.get("/samples/README.jpg"), 404, "no sample")


def test_what_fails_unexpectedly_is_no_traceback(client, png, monkeypatch):
    monkeypatch.setattr(uploads, "encode", None)
    assert_problem(post(client, png, style="dots"), 500, "went wrong")


@pytest.mark.parametrize("kind", ["form", "body", "without its length"])
def test_too_many_bytes_are_not_read(client, monkeypatch, kind):
    monkeypatch.setattr(uploads, "MAX_BYTES", 2_000_000)
    if kind == "form":
        response = post(client, bytes(3_000_000), style="dots")
    elif kind == "body":
        response = client.post("/api/stylize?style=dots", content=bytes(3_000_000))
    else:
        response = client.post("/api/stylize?style=dots", content=(bytes(100_000) for _ in range(30)))
    assert_problem(response, 413, "larger than 2 MB")


def test_no_upload_touches_the_disk(client, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a temporary file was made")

    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    data = picture_bytes(Image.fromarray(noise), "PNG")
    # More bytes than Starlette's own parser keeps in memory.
    assert len(data) > 2_000_000
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert post(client, data, style="dots", size=64).status_code == 200


def test_the_description_names_every_setting(client):
    paths = client.get("/openapi.json").json()["paths"]
    study, clip = "/api/styles/{name}", "/api/clips/{name}"
    assert set(paths) == {
        "/api/styles",
        study,
        f"{study}/events",
        f"{study}/keep",
        "/api/clips",
        clip,
        f"{clip}/events",
        "/api/stylize",
        "/api/sheet",
        "/api/shared",
        "/shared/{secret}",
        "/healthz",
    }
    stylize = paths["/api/stylize"]["post"]
    names = {parameter["name"] for parameter in stylize["parameters"]}
    assert names == {"style", "strength", "keep_colors", "size", "brush", "one_pass", "format"}
    form = stylize["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == names | {"file"}
    assert form["required"] == ["file", "style"]
    form = paths["/api/clips"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"clip", "style", "strength", "keep_colors", "size", "brush", "format"}


def test_operations_are_grouped_and_said_in_words(client):
    description = client.get("/openapi.json").json()
    groups = {tag["name"] for tag in description["tags"] if tag["description"]}
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    assert {tag for operation in operations for tag in operation["tags"]} == groups
    for operation in operations:
        assert " " in operation["summary"]
        assert operation["description"].rstrip().endswith(".")


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/api/styles", "/healthz", "/openapi.json", "/samples/astronaut.jpg"]
)
def test_head_is_answered_as_get_without_the_body(client, path):
    answers = [client.request(method, path) for method in ("HEAD", "GET")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == b""
    assert answers[0].headers == answers[1].headers
    assert client.head("/api/stylize").status_code == 405


@pytest.mark.parametrize("path", ["/", "/docs", "/swagger/swagger-ui-bundle.js", "/samples/astronaut.jpg"])
def test_page_docs_and_samples_are_there(client, path):
    assert client.get(path).status_code == 200


def test_health(client):
    assert client.get("/healthz").json()["status"] == "ok"


def test_a_style_that_was_trained_again_is_loaded_again(client, png, models, network, metadata):
    before = pixels_of(post(client, png, style="dots", format="png"))
    kept = (models / "dots.safetensors").read_bytes()
    weights = {key: -value for key, value in network.file_weights().items()}
    try:
        styles.save(models / "dots.safetensors", weights, name="dots", **metadata)
        after = pixels_of(post(client, png, style="dots", format="png"))
    finally:
        (models / "dots.safetensors").write_bytes(kept)
    assert np.abs(before.astype(int) - after).mean() > 5
