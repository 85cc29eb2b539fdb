"""What answers at once: without torch, NumPy and torchvision. Modules are counted, not seconds."""

import json

import pytest

CODE = """
import json, sys
from artlives import styles
from artlives.cli import main
if models := sys.argv.pop(1):
    from pathlib import Path
    styles.models_folder = lambda: Path(models)
try:
    main()
    status = 0
except SystemExit as exit:
    status = exit.code
heavy = sorted({"torch", "torchvision", "numpy"} & set(sys.modules))
print(json.dumps([status, heavy]), file=sys.stderr)
"""


def answer(python, *arguments, models=""):
    result = python("-c", CODE, models, *arguments)
    lines = result.stderr.decode().splitlines()
    status, heavy = json.loads(lines[-1])
    return status, heavy, result.stdout.decode(), "\n".join(lines[:-1])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--help"], 0, "stylize"),
        (["--version"], 0, "artlives 0."),
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
        (["styles"], 0, "dots"),
        (["styles", "--json"], 0, "dots"),
        (["paint"], 2, "No such command 'paint'"),
        (["stylize"], 2, "Missing argument"),
        (["stylize", "photo.jpg"], 2, "Missing option '--style'"),
        (["stylize", "photo.jpg", "--style", "dots", "--size", "3"], 2, "--size"),
        (["stylize", "photo.jpg", "--style", "dots", "--strength", "nan"], 2, "--strength"),
        (["stylize", "photo.jpg", "--style", "dot"], 1, "did you mean 'dots'"),
        (["stylize", "none.jpg", "--style", "dots"], 1, "none.jpg cannot be read"),
        (["stylize", "none.jpg", "--style", "none.safetensors"], 1, "none.safetensors cannot be read"),
        (["stylize", "-", "none.jpg", "--style", "dots"], 2, "stands for one photo"),
    ],
)
def test_answers_at_once(python, models, arguments, status, message):
    code, heavy, out, err = answer(python, *arguments, models=models)
    assert message in (err if status else out)
    assert (code, heavy) == (status, [])


def test_stylize_does_without_torch(python, style_file, photo_file):
    code, heavy, _, _ = answer(python, "stylize", photo_file, "--style", style_file)
    assert (code, heavy) == (0, ["numpy"])


@pytest.mark.parametrize("use", ["artlives.styles", "artlives.training.train"])
def test_importing_the_package_imports_nothing_heavy(python, use):
    code = f"import sys, artlives.training; {use}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert python("-c", code).returncode == 0


def test_python_m_artlives(python):
    result = python("-m", "artlives", "--version")
    assert (result.returncode, result.stdout.split()[0]) == (0, b"artlives")
