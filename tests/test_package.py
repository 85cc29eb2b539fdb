"""What is installed is what is here."""

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


@pytest.fixture
def setuptools():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def test_every_folder_of_modules_is_installed(setuptools):
    here = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("artlives/**/__init__.py")}
    assert set(setuptools["packages"]) == here | set(setuptools["package-dir"])


def test_every_source_of_the_core_is_built_and_distributed(setuptools):
    (core,) = setuptools["ext-modules"]
    sources = ROOT / "artlives/core/csrc"
    for named, suffix in (("sources", "c"), ("depends", "h")):
        here = {str(path.relative_to(ROOT)) for path in sources.glob(f"**/*.{suffix}")}
        assert set(core[named]) == here


def test_only_the_module_needs_python():
    """So that the others build for a fuzzer or WebAssembly."""
    sources = (ROOT / "artlives/core/csrc").glob("**/*.[ch]")
    assert [path.name for path in sources if "include <Python.h>" in path.read_text()] == ["module.c"]
