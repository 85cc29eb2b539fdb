"""The command line where packages that come with extras are missing, and the compiled core too.

They are hidden from a process of its own by a sitecustomize.py, which Python imports when it starts.
"""

import json
import os
import subprocess
import sys

import pytest

from artlives import images
from artlives.core import instruction_sets

EXTRAS = ("torch", "torchvision", "triton", "matplotlib", "onnx", "ray", "tensorboard", "cryptography")
HIDE = """
import os, sys
from importlib.machinery import EXTENSION_SUFFIXES

HIDDEN = os.environ["HIDDEN"].split()

class Without:
    '''A finder that does not find some packages; "core" hides the extension modules of artlives.'''

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        spec = self.finder.find_spec(name, path, target)
        top = name.partition(".")[0]
        compiled = spec and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES))
        if top in HIDDEN or (top == "artlives" and compiled and "core" in HIDDEN):
            return None
        return spec

sys.meta_path[:] = map(Without, sys.meta_path)
"""
# In seconds; everything else is as ever.
TINY_BENCH = """
from artlives import benchmark, cli
benchmark.SIZES, benchmark.LARGEST, benchmark.SECONDS, benchmark.ROUNDS = ((24, 32),), (40, 40), 0.0, (1, 1)
cli.main()
"""
CORE_MISSING = "the compiled core is missing: install artlives again where there is a C compiler"
TRAIN = "pip install 'artlives[train]'"
TORCH_MISSING = f"torch is not installed: {TRAIN}"


@pytest.fixture(scope="session")
def hiding(tmp_path_factory, environment):
    """Run artlives without some packages: its exit status, output and lines of errors."""
    folder = tmp_path_factory.mktemp("hiding")
    (folder / "sitecustomize.py").write_text(HIDE)
    paths = os.pathsep.join([str(folder), environment["PYTHONPATH"]])

    def run(hidden, *arguments, code=None):
        start = ["-m", "artlives"] if code is None else ["-c", code]
        result = subprocess.run(
            [sys.executable, *start, *map(str, arguments)],
            env={**environment, "PYTHONPATH": paths, "HIDDEN": " ".join(hidden)},
            capture_output=True,
            check=False,
            text=True,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return result.returncode, result.stdout, result.stderr.splitlines()

    return run


@pytest.fixture(params=[EXTRAS, (*EXTRAS, "core")], ids=["extras", "extras and core"])
def bare(hiding, request):
    """Run artlives without all extras, or without the compiled core too, of which a command that `paints` tells."""

    def run(*arguments, paints=True, **options):
        status, out, err = hiding(request.param, *arguments, **options)
        if paints and ("core" in request.param or not instruction_sets()):
            assert (
                err.pop(0) == f"artlives: numpy paints in fp32, more slowly: {CORE_MISSING}; {TORCH_MISSING}"
            )
        return status, out, err

    return run


def test_stylize_paints_on_numpy_as_on_the_core(bare, hiding, style_file, photo_file, tmp_path):
    out = tmp_path / "out.png"
    arguments = ("stylize", photo_file, "--style", style_file, "--precision", "fp32", "-o")
    assert bare(*arguments, out) == (0, f"{out}\n", [])
    assert hiding((), *arguments, tmp_path / "expected.png")[0] == 0
    ours, expected = images.load(out).pixels.astype(int), images.load(tmp_path / "expected.png").pixels
    assert abs(ours - expected).max() <= 3  # each of several passes may differ by 1


def test_stylize_paints_a_folder_and_tells_once(bare, style_file, photo_file, tmp_path):
    (tmp_path / "album").mkdir()
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / "album" / name).write_bytes(photo_file.read_bytes())
    arguments = ("stylize", tmp_path / "album", "--style", style_file, "--size", 32, "-o", tmp_path / "out")
    status, out, err = bare(*arguments)
    assert (status, len(out.splitlines()), err[-1]) == (0, 2, "2 painted, 0 failed")


def test_sheet(bare, photo_file, tmp_path):
    arguments = ("--styles", "wave,scream", "--size", 64, "-o", tmp_path / "sheet.png")
    assert bare("sheet", photo_file, *arguments) == (0, f"{tmp_path / 'sheet.png'}\n", [])


def test_styles(bare):
    status, out, err = bare("styles", "--json", paints=False)
    assert (status, err) == (0, [])
    assert "wave" in [style["name"] for style in json.loads(out)]


def test_bench_prints_ours_alone(bare):
    status, out, err = bare("bench", code=TINY_BENCH)
    assert (status, err) == (0, [])
    where, _, row = out.splitlines()[:3]
    assert "without torch" in where
    width, _, height, painting, *_, torch, ratio = row.split()
    assert (width, height, torch, ratio) == ("24", "32", "-", "-")
    assert float(painting) > 0


def test_bench_in_json_stays_json(bare):
    _, out, _ = bare("bench", "--json", code=TINY_BENCH)
    figures = json.loads(out)
    assert figures["torch"] is None
    assert figures["rows"][0]["torch_seconds"] is figures["rows"][0]["ratio"] is None


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        ("train PHOTO --name mine", "torch", "train"),
        ("evaluate STYLE PHOTO --painting PHOTO", "torch", "train"),
        ("explain PHOTO --style STYLE", "torch", "train"),
        ("check", "torch", "train"),
        ("bench --plot plot.png", "matplotlib", "train"),
        ("export STYLE --onnx out.onnx", "onnx", "onnx"),
        ("stylize . --style STYLE --engine ray -o out", "ray", "ray"),
        ("stylize PHOTO --style STYLE --device cuda", "torch", "gpu"),
        ("sheet PHOTO --device mps", "torch", "gpu"),
        ("bench --device cuda", "torch", "gpu"),
    ],
)
def test_what_needs_an_extra_says_so_in_one_line(
    bare, style_file, photo_file, tmp_path, monkeypatch, arguments, package, extra
):
    monkeypatch.chdir(tmp_path)
    words = {"STYLE": style_file, "PHOTO": photo_file}
    status, out, err = bare(*(words.get(word, word) for word in arguments.split()), paints=False)
    assert (status, out, len(err)) == (1, "", 1), err
    assert err[0].startswith("artlives: ")
    assert f"needs {package}, which is not installed" in err[0]
    assert err[0].endswith(f"pip install 'artlives[{extra}]'")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_training_names_what_it_would_miss_in_the_end(hiding, photo_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = hiding(["matplotlib"], "train", photo_file, "--name", "mine")
    assert (status, len(err)) == (1, 1)
    assert f"needs matplotlib, which is not installed: {TRAIN}" in err[0]


def test_vgg_needs_torchvision_only_to_be_downloaded(hiding, style_file, photo_file):
    arguments = ("evaluate", style_file, photo_file, "--painting", photo_file, "--perceptual", "torchvision")
    status, _, err = hiding(["torchvision"], *arguments)
    assert (status, len(err)) == (1, 1)
    assert f"--perceptual torchvision needs torchvision, which is not installed: {TRAIN}" in err[0]


def test_a_painting_as_a_style_needs_torch(hiding, photo_file):
    assert hiding(["torch"], "stylize", photo_file, "--style", photo_file) == (
        1,
        "",
        [f"artlives: a painting as a style needs torch, which is not installed: {TRAIN}"],
    )


def test_https_needs_cryptography(hiding):
    status, out, err = hiding(["cryptography"], "serve", "--https", "--port", "0")
    assert (status, out) == (1, "")
    assert err == [
        "artlives: --https needs cryptography, which is not installed: pip install 'artlives[https]'"
    ]


def test_export_needs_no_torch(hiding, style_file, tmp_path):
    pytest.importorskip("onnx", reason="needs the package onnx")
    out = tmp_path / "out.onnx"
    hidden = [package for package in EXTRAS if package != "onnx"]
    assert hiding(hidden, "export", style_file, "--onnx", out) == (0, f"{out}\n", [])
    assert out.stat().st_size > 1e6


def test_what_needs_no_torch_in_python(hiding, style_file, tmp_path):
    code = f"""
import sys
import numpy as np
from artlives import Stylizer, grain, images, passes, sheet, styles
style = styles.find({str(style_file)!r})
styles.save({str(tmp_path / "copy.safetensors")!r}, styles.load_weights(style), name="copy", painting="", painter="",
    year="", licence="", layers=style.layers, training=style.training)
stylizer = Stylizer({str(tmp_path / "copy.safetensors")!r}, one_pass=True)
print(stylizer.engine, len(stylizer.reasons), stylizer(np.zeros((20, 30, 3), np.uint8)).shape)
"""
    if instruction_sets():
        assert hiding(EXTRAS, code=code)[1:] == ("compiled 0 (20, 30, 3)\n", [])
    assert hiding([*EXTRAS, "core"], code=code)[1:] == ("numpy 2 (20, 30, 3)\n", [])


def test_importing_the_network_names_the_extra(hiding):
    code = """
try:
    from artlives.engines.network import StyleNetwork
except ImportError as error:
    print(error)
"""
    line = f"StyleNetwork needs torch, which is not installed: {TRAIN}\n"
    assert hiding(EXTRAS, code=code) == (0, line, [])


@pytest.mark.parametrize("hidden", [EXTRAS, (*EXTRAS, "core")])
def test_serve_paints(hiding, photo_file, hidden):
    """In the process of the application: its answers do not depend on the server's socket."""
    code = f"""
import asyncio
from pathlib import Path
from artlives import images, styles
from artlives.settings import Settings
from artlives.web.app import create_app
from artlives.web.studio import Job, Studio

async def paint():
    create_app()
    studio = Studio()
    async with studio.open():
        photo = images.load({str(photo_file)!r})
        painting = await studio.paint(Job(photo, styles.find("wave"), Settings(one_pass=True)))
        print(painting.pixels.shape)

asyncio.run(paint())
"""
    assert hiding(hidden, code=code) == (0, "(40, 56, 3)\n", [])


def test_the_tests_own_finder_hides_what_it_should(hiding):
    code = "import importlib.util as u; print([bool(u.find_spec(n)) for n in ('torch', 'numpy')])"
    assert hiding(["torch"], code=code) == (0, "[False, True]\n", [])
