"""ARCHITECTURE.md's table of what may import what holds for every import, in functions and for types, too."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.smoke

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "artlives"
# Python 3.10 does not know of tomllib.
STANDARD = {*sys.stdlib_module_names, "tomllib"}
TORCH = {"torch", "torchvision", "triton"}
# How torch is imported, from the weakest to the strongest.
LEVELS = ["no", "for types", "in functions", "yes"]


class Row(NamedTuple):
    """A row of the table: names of parts, other parts and packages that they may import, one of `LEVELS`."""

    names: list[str]
    parts: set[str]
    packages: set[str]
    torch: str


class Import(NamedTuple):
    name: str
    level: str


def table() -> list[Row]:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## What may import what")[2]
    _, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = []
    for line in lines:
        *cells, torch = [cell.strip() for cell in line.strip("|").split("|")]
        names, parts, packages = (re.findall(r"`([\w.]+)`", cell) for cell in cells)
        rows.append(Row(names, set(parts), set(packages), torch))
    return rows


ROWS = table()
NAMES = [name for row in ROWS for name in row.names]


def module_of(path: Path) -> str:
    """A file's module as the table names it: without `artlives.` and without a package's `.__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """The longest name of the table that the module is, or lies in; the module itself where there is none."""
    found = [name for name in NAMES if f"{module}.".startswith(f"{name}.")]
    return max(found, key=len, default=module)


def imports(source: str) -> Iterator[Import]:
    """Each module that a source imports, and how; what `from artlives.x import y` takes is y where that is a module."""
    waiting: list[tuple[ast.AST, str]] = [(ast.parse(source), "yes")]
    while waiting:
        node, level = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, level) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "a relative import"
            assert not node.level, "a relative import"
            yield from (Import(f"{node.module}.{alias.name}", level) for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            level = min(level, "in functions", key=LEVELS.index)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += [(child, level) for child in node.orelse]
            waiting += [(child, "for types") for child in node.body]
            continue
        waiting += [(child, level) for child in ast.iter_child_nodes(node)]


def imported(row: Row) -> tuple[set[str], set[str], str]:
    """What all files of a row import: other parts, packages, and how they import torch."""
    parts, packages, torch = set(), set(), "no"
    for module, path in MODULES.items():
        if part_of(module) not in row.names:
            continue
        for name, level in imports(path.read_text("utf-8")):
            package, _, rest = name.partition(".")
            if package in TORCH:
                torch = max(torch, level, key=LEVELS.index)
            elif package == "artlives":
                while rest and rest not in MODULES:
                    rest = rest.rpartition(".")[0]
                parts.add(part_of(rest or "__init__"))
            elif package not in STANDARD:
                packages.add(package)
    return parts - set(row.names), packages, torch


def test_every_module_is_in_the_table():
    assert len(MODULES) > 50
    assert sorted(NAMES) == sorted(set(NAMES))
    assert {part_of(module) for module in MODULES} == set(NAMES)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.names[0])
def test_imports_are_those_of_the_table(row):
    parts, packages, torch = imported(row)
    assert parts - row.parts == set(), "imported, but not in the table"
    assert row.parts - parts == set(), "in the table, but imported nowhere"
    assert packages == row.packages
    assert torch == row.torch


def test_no_circle():
    above = defaultdict(set)
    for row in ROWS:
        for name in row.names:
            above[name] = row.parts
    assert set(TopologicalSorter(above).static_order()) == set(NAMES)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", ("torch", "yes")),
        ("import torch.nn as nn", ("torch.nn", "yes")),
        ("from artlives import core", ("artlives.core", "yes")),
        ("def f():\n    if x:\n        import triton", ("triton", "in functions")),
        ("class A:\n    async def f(self):\n        from torch import nn", ("torch.nn", "in functions")),
        ("if TYPE_CHECKING:\n    import torch", ("torch", "for types")),
        ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import torch", ("torch", "yes")),
        ("def f():\n    if TYPE_CHECKING:\n        import torch", ("torch", "for types")),
        ("try:\n    import torch\nexcept ImportError:\n    pass", ("torch", "yes")),
    ],
)
def test_an_import_would_be_noticed(source, found):
    assert found in list(imports(source))
