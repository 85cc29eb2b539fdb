import json
import re
import struct

import pytest
import torch
from safetensors.torch import save as to_bytes

from artlives import styles
from artlives.engines.network import StyleNetwork
from artlives.engines.torch import load
from artlives.errors import ArtlivesError


def header(**changes: str | None) -> dict[str, str]:
    """The string metadata of a good style, with changes; None leaves a key out."""
    good = {
        "format": styles.FORMAT,
        "style": "dots",
        "painting": "Dots",
        "painter": "Nobody",
        "year": "1900",
        "licence": "public domain",
        "network": '[{"kind": "output", "inputs": 3, "outputs": 3, "kernel": 5, "stride": 1}]',
        "training": "{}",
        "measured": "{}",
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def write(path, weights=None, **changes):
    tensors = {
        "layers.0_output.conv.weight": torch.zeros(3, 3, 5, 5),
        "layers.0_output.conv.bias": torch.zeros(3),
    }
    path.write_bytes(to_bytes(tensors if weights is None else weights, header(**changes)))
    return path


def one_line(info: pytest.ExceptionInfo, path) -> bool:
    return str(path) in str(info.value) and "\n" not in str(info.value)


def test_what_is_saved_is_found(tmp_path, network, metadata):
    path = tmp_path / "mine.safetensors"
    styles.save(path, network.file_weights(), name="mine", measured={"ssim": 0.5}, **metadata)
    style = styles.find(path)
    assert style == styles.find(str(path)) == styles.read(path)
    assert (style.name, style.painting, style.painter, style.year) == ("mine", "Dots", "Nobody", "1900")
    assert style.layers == metadata["layers"]
    assert (style.training, style.measured) == ({"steps": 0}, {"ssim": 0.5})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


def test_loaded_network_paints_as_the_saved_one(style_file, network):
    loaded = load(styles.find(style_file))
    assert not loaded.training
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    reference = StyleNetwork(even=False)
    reference.load_state_dict({key: value.half().float() for key, value in network.file_weights().items()})
    x = torch.rand(1, 3, 20, 24) * 255
    assert torch.equal(loaded(x), reference(x))


@pytest.mark.usefixtures("shipped")
def test_find_by_name(style_file):
    assert styles.find("dots").path == style_file
    assert [style.name for style in styles.available()] == ["dots", "stripes"]


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("name", "nearest"), [("dot", "dots"), ("Stripes", "stripes"), ("stirpes", "stripes")]
)
def test_unknown_name_answers_with_the_nearest_and_all(name, nearest):
    with pytest.raises(ArtlivesError, match=rf"{name}.*mean '{nearest}'.*dots, stripes"):
        styles.find(name)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("name", ["qqq", "", "x" * 5000])
def test_unknown_name_like_no_other(name):
    with pytest.raises(ArtlivesError, match="the styles are: dots, stripes"):
        styles.find(name)


HEADER = b'{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}'


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a model, just words", id="text"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="a pickle of torch"),
        pytest.param(struct.pack("<Q", 1 << 60) + HEADER + b"ab", id="header longer than the file"),
        pytest.param(struct.pack("<Q", len(HEADER)) + HEADER + b"a", id="cut short"),
        pytest.param(struct.pack("<Q", len(HEADER)) + HEADER + b"abc", id="too long"),
        pytest.param(struct.pack("<Q", 4) + b"\xff\xfe{}", id="header that is no text"),
        pytest.param(struct.pack("<Q", 100_000) + b"[" * 100_000, id="nested without end"),
        pytest.param(struct.pack("<Q", 2) + b"[]", id="header that is a list"),
        pytest.param(struct.pack("<Q", 2) + b"{,", id="broken JSON"),
        pytest.param(struct.pack("<Q", 20) + b'{"__metadata__":[1]}', id="metadata that is a list"),
        pytest.param(struct.pack("<Q", 24) + b'{"__metadata__":{"a":1}}', id="metadata that is no text"),
        pytest.param(struct.pack("<Q", 7) + b'{"a":1}', id="tensor that is a number"),
        pytest.param(struct.pack("<Q", len(HEADER)) + HEADER + b"ab", id="another's safetensors"),
    ],
)
def test_foreign_and_damaged_files(tmp_path, content):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(content)
    with pytest.raises(ArtlivesError) as info:
        styles.find(path)
    assert one_line(info, path)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x"], ids=["short", "long"])
def test_damage_is_told_from_the_header(tmp_path, change):
    path = write(tmp_path / "style.safetensors")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ArtlivesError, match="do not fill the file"):
        styles.read(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "artlives-style-2"},
        {"format": None},
        {"style": "../../etc/passwd"},
        {"style": ""},
        {"style": "-o"},
        {"painter": None},
        {"network": None},
        {"network": "import os"},
        {"network": "[]"},
        {"network": "[" * 100_000},
        {"network": '[{"kind": "transformer", "inputs": 3, "outputs": 3, "kernel": 5, "stride": 1}]'},
        {"network": "{}"},
        {"training": "}"},
    ],
    ids=str,
)
def test_header_that_is_no_style(tmp_path, changes):
    path = write(tmp_path / "foreign.safetensors", **changes)
    with pytest.raises(ArtlivesError) as info:
        styles.read(path)
    assert one_line(info, path)


@pytest.mark.parametrize(
    "name", ["none.safetensors", "none/none.safetensors", ".", "x" * 300 + ".safetensors"]
)
def test_files_that_cannot_be_read(tmp_path, name):
    with pytest.raises(ArtlivesError, match="cannot be read"):
        styles.find(tmp_path / name)


WEIGHT, BIAS = torch.zeros(3, 3, 5, 5), torch.zeros(3)
KEY = "layers.0_output.conv."


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {KEY + "weight": WEIGHT},
        {KEY + "weight": WEIGHT, KEY + "bias": BIAS, "more": WEIGHT[0].clone()},
        {KEY + "weight": torch.zeros(3, 3, 4, 5), KEY + "bias": BIAS},
        {KEY + "weight": WEIGHT, KEY + "bias": BIAS / 0},
    ],
    ids=["none", "missing", "unexpected", "shape", "nan"],
)
def test_weights_that_do_not_fit(tmp_path, weights):
    style = styles.read(write(tmp_path / "style.safetensors", weights))
    with pytest.raises(ArtlivesError) as info:
        load(style)
    assert one_line(info, style.path)


def test_weights_that_fit(tmp_path):
    assert load(styles.read(write(tmp_path / "style.safetensors")))


def test_a_file_that_went_bad_after_it_was_found(tmp_path):
    style = styles.read(write(tmp_path / "style.safetensors"))
    style.path.write_bytes(b"rubbish")
    with pytest.raises(ArtlivesError, match="damaged"):
        load(style)
    style.path.unlink()
    with pytest.raises(ArtlivesError, match="cannot be read"):
        load(style)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6], ids=str)
def test_weights_that_half_precision_cannot_hold_are_not_saved(tmp_path, value, metadata):
    with pytest.raises(ArtlivesError, match=re.escape("weight holds weights that are not finite")):
        styles.save(tmp_path / "a.safetensors", {"weight": torch.tensor([value])}, name="a", **metadata)
    assert not list(tmp_path.iterdir())


def test_names_that_cannot_be_a_file_are_not_saved(tmp_path, metadata):
    with pytest.raises(ValueError, match="letters"):
        styles.save(tmp_path / "a.safetensors", {}, name="a/b", **metadata)


def test_saving_where_nothing_can_be_written(tmp_path, metadata):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none" / "a.safetensors", tmp_path / "file" / "a.safetensors"):
        with pytest.raises(ArtlivesError, match="cannot be written"):
            styles.save(path, {}, name="a", **metadata)


def test_an_interrupted_save_leaves_the_file_that_was_there(tmp_path, monkeypatch, metadata):
    path = write(tmp_path / "style.safetensors")
    before = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        styles.save(path, {}, name="a", **metadata)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["style.safetensors"]


@pytest.mark.usefixtures("shipped")
def test_the_users_own_styles_are_found_too(tmp_path, monkeypatch, network, metadata):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = styles.user_folder()
    assert folder.is_relative_to(tmp_path)
    folder.mkdir(parents=True)
    for name in ("alps", "dots"):
        styles.save(folder / f"{name}.safetensors", network.file_weights(), name=name, **metadata)
    assert styles.find("alps").path == folder / "alps.safetensors"
    # A style in the folder is found before a shipped one of that name.
    assert styles.find("dots").path == folder / "dots.safetensors"
    assert [style.name for style in styles.available()] == ["dots", "stripes", "alps"]
    with pytest.raises(ArtlivesError, match="did you mean 'alps'"):
        styles.find("alp")


@pytest.mark.parametrize("path", styles.shipped().values(), ids=lambda path: path.stem)
def test_styles_that_come_with_artlives(path):
    style = styles.read(path)
    assert style.name == style.path.stem
    assert style.path.stat().st_size <= 3_000_000
    assert all((style.painting, style.painter, style.year, style.licence))
    assert json.dumps(style.training) != "{}"
    painting = load(style)(torch.full((1, 3, 64, 64), 128.0))
    assert painting.isfinite().all()
