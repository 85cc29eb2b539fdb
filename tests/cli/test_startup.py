"""What each command imports, by allowlists: modules are counted, not seconds.

A command answers at once if it imports little; torch, NumPy and the web's packages take seconds.
"""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from artlives.cli import COMMANDS

PATIENCE = 60  # seconds
# Runs the command line, and says with which status and which top-level modules it ends. What the environment itself
# imports when Python starts, such as a coverage tool, does not count.
CODE = """
import json, sys
before = set(sys.modules)
from artlives.cli import main
if models := sys.argv.pop(1):
    from pathlib import Path
    from artlives import styles
    styles.models_folder = lambda: Path(models)
try:
    main()
    status = 0
except SystemExit as exit:
    status = exit.code
modules = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(json.dumps([status, sorted(modules)]), file=sys.stderr)
"""
ANSWER = {"click"}
# Where the user's own styles and settings lie.
STYLES = {*ANSWER, "platformdirs"}
# Pillow is asked which endings of names can be written, before anything is painted.
FOLDERS = {*STYLES, "PIL", "tqdm"}
PAINTING = {*FOLDERS, "numpy", "psutil", "safetensors"}
SHEET = {*PAINTING, "anyascii"}
SERVICE = {
    *SHEET,
    "annotated_doc",
    "annotated_types",
    "anyio",
    "exceptiongroup",  # anyio's, before Python 3.11
    "fastapi",
    "fastapi_offline",
    "h11",
    "idna",
    "opentelemetry",  # FastAPI's, where something else has installed it
    "pydantic",
    "pydantic_core",
    "python_multipart",
    "sniffio",  # anyio's, in older versions
    "starlette",
    "typing_extensions",
    "typing_inspection",
    "uvicorn",
    "websockets",
}
USAGE = {
    "stylize": FOLDERS,
    "video": FOLDERS,
    "webcam": FOLDERS,
    "sheet": FOLDERS,
    "styles": STYLES,
    "train": STYLES,
    "check": {*ANSWER, "tqdm"},
}


def parsed(stderr):
    """What CODE says at the end of stderr: the status, the modules of packages, and what was written before."""
    *lines, last = stderr.splitlines()
    status, modules = json.loads(last)
    # Without what extensions by Cython and `sysconfig` leave there.
    packages = {name for name in modules if not name.startswith(("_", "cython", "artlives"))}
    return status, packages, "\n".join(lines)


def answer(python, *arguments, models=""):
    result = python("-c", CODE, models, *arguments)
    status, packages, err = parsed(result.stderr.decode())
    return status, packages, result.stdout.decode(), err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--help"], "stylize", marks=pytest.mark.smoke),
        (["--version"], "artlives 0."),
        (["-V"], "artlives 0."),
        (["help"], "stylize"),
    ],
)
def test_the_program_answers_with_click_alone(python, arguments, message):
    status, packages, out, _ = answer(python, *arguments)
    assert message in out
    assert (status, packages - ANSWER) == (0, set())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_usage_error_imports_nothing_heavy(python, command):
    status, packages, _, err = answer(python, command, "--no-such-option")
    assert "No such option" in err
    assert (status, packages - USAGE.get(command, ANSWER)) == (2, set())


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["stylize", "--help"], 0, "--keep-colors"),
        (["train", "--help"], 0, "PAINTING"),
        (["train", __file__, "--name", "../up"], 2, "--name"),
        (["train", __file__, "--name", "dots"], 2, "dots comes with artlives"),
        (["train", __file__, "--name", "new", "--start-from", "dot"], 1, "did you mean 'dots'"),
        (["train", __file__, "-o", "none/new.safetensors"], 1, "none/new.safetensors cannot be written"),
        (["check", "--help"], 0, "block"),
        (["explain", "--help"], 0, "--perceptual"),
        (["export", "--help"], 0, "--onnx"),
        (["export", "dot", "--onnx", "dot.onnx"], 1, "did you mean 'dots'"),
        (["stylize", "none", "--style", "dots", "--engine", "ray"], 2, "one folder into another"),
        (["video", "--help"], 0, "--steady"),
        (["video", "clip.mp4"], 1, "there is no style 'wave'"),
        (["video", "clip.mp4", "--style", "dots", "--start", "soon"], 2, "'soon' is not a time"),
        (
            ["video", "clip.mp4", "--style", "dots", "--start", "9", "--end", "1:08"],
            1,
            "clip.mp4 cannot be read",
        ),
        (
            ["video", "clip.mp4", "--style", "dots", "--start", "1:09", "--end", "8"],
            2,
            "must come after --start",
        ),
        (["video", "clip.mp4", "--style", "dots", "--fps", "1/0"], 2, "is not a number of frames a second"),
        (["video", "clip.mp4", "--style", "dots", "--steady", "nan"], 2, "must be a number"),
        (["video", "clip.mp4", "--style", "dot"], 1, "did you mean 'dots'"),
        (["styles"], 0, "dots"),
        (["styles", "--json"], 0, "dots"),
        (["paint"], 2, "No such command 'paint'."),
        (["stylise"], 2, "No such command 'stylise'. Did you mean 'stylize'?"),
        (["stylise", "photo.jpg"], 2, "Did you mean 'stylize'?"),
        (["help", "sheet"], 0, "--columns"),
        (["help", "shet"], 2, "Did you mean 'sheet'?"),
        (["none.jpg", "--style", "dots"], 1, "none.jpg cannot be read"),
        (["--style", "dots", "none.jpg"], 1, "none.jpg cannot be read"),
        (["--stile", "dots", "photo.jpg"], 2, "No such option '--stile'"),
        (["--stile"], 2, "No such option '--stile'"),
        (["stylize"], 2, "Missing argument"),
        (["stylize", "photo.jpg"], 1, "there is no style 'wave'"),
        (["stylize", "photo.jpg", "--watch"], 2, "folders alone"),
        (["stylize", "-", "--open"], 2, "leave it out"),
        (["stylize", "-", "--style", "all"], 2, "one style"),
        (["stylize", "none.jpg", "--style", "all", "-o", "out.jpg"], 2, "give a folder, out.jpg/"),
        (["stylize", "photo.jpg", "--style", "dots", "--size", "3"], 2, "--size"),
        (["stylize", "photo.jpg", "--style", "dots", "--strength", "nan"], 2, "--strength"),
        (["stylize", "photo.jpg", "--style", "dot"], 1, "did you mean 'dots'"),
        (["stylize", "none.jpg", "--style", "dots"], 1, "none.jpg cannot be read"),
        (["stylize", "none.jpg", "--style", "none.safetensors"], 1, "none.safetensors cannot be read"),
        (["stylize", "-", "none.jpg", "--style", "dots"], 2, "stands for one photo"),
    ],
)
def test_answers_at_once(python, models, arguments, status, message):
    code, packages, out, err = answer(python, *arguments, models=models)
    assert message in (err if status else out)
    assert (code, packages - FOLDERS) == (status, set())


@pytest.mark.smoke
def test_stylize_imports_what_paints(python, style_file, photo_file):
    status, packages, _, _ = answer(python, "stylize", photo_file, "--style", style_file)
    assert photo_file.with_name(f"photo-{style_file.stem}.jpg").exists()
    assert (status, packages - PAINTING) == (0, set())


def test_sheet_imports_what_paints(python, models, photo_file, tmp_path):
    sheet = tmp_path / "sheet.jpg"
    status, packages, _, _ = answer(python, "sheet", photo_file, "-o", sheet, "--size", "64", models=models)
    assert sheet.exists()
    assert (status, packages - SHEET) == (0, set())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("command", ["serve", "selfie"])
def test_the_service_imports_no_torch(environment, command):
    arguments = [command, "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "", *arguments],
        # A browser that shows nothing.
        env={**environment, "BROWSER": "true", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        link = process.stdout.readline().strip()
        with urllib.request.urlopen(link, timeout=PATIENCE) as response:
            assert re.search(rb"<!doctype html>", response.read(), re.IGNORECASE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    status, packages, _ = parsed(err)
    assert (status, packages - SERVICE) == (0, set())


def test_an_import_that_is_not_listed_would_be_noticed(python, style_file, photo_file):
    _, packages, _, _ = answer(python, "stylize", photo_file, "--style", style_file)
    assert "numpy" in packages - FOLDERS


@pytest.mark.parametrize("use", ["artlives.styles", "artlives.training.train"])
def test_importing_the_package_imports_nothing_heavy(python, use):
    code = f"import sys, artlives.training; {use}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert python("-c", code).returncode == 0


def test_python_m_artlives(python):
    result = python("-m", "artlives", "--version")
    assert (result.returncode, result.stdout.split()[0]) == (0, b"artlives")
