"""The examples in the blocks' docstrings are true."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest

from artlives import blocks


@pytest.mark.parametrize(
    "name", [module.name for module in walk_packages(blocks.__path__, "artlives.blocks.")]
)
def test_examples(name):
    if "triton" in name:
        pytest.importorskip("triton", reason="Triton is not installed")
    assert doctest.testmod(import_module(name)).failed == 0
