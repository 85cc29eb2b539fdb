"""`artlives check` on a grid cut down to a few cases, with right and with wrong blocks."""

from dataclasses import replace

import pytest
import torch

from artlives import validation


@pytest.fixture
def relu(monkeypatch):
    """Let the grid be that of ReLU; the function returned puts another block in its place."""

    def put(ours):
        block = replace(validation.BLOCKS["relu"], ours=ours)
        monkeypatch.setattr(validation, "BLOCKS", {"relu": block})

    put(validation.BLOCKS["relu"].ours)
    return put


def test_one_line_says_that_all_is_right(run, relu):
    result = run("check", "--device", "cpu")
    cases = 4 * len(validation.BLOCKS["relu"].cases)
    assert result.exit_code == 0
    assert result.stdout == f"All 1 blocks agree with torch on the device cpu, in {cases} cases.\n"


def test_right_blocks_are_shown_with_their_errors(run, relu):
    result = run("check", "--verbose", "--device", "cpu")
    assert result.exit_code == 0
    head, *rows, last = result.stdout.splitlines()
    assert head.split() == [
        "block",
        "cases",
        "forward",
        "gradient",
        "derivatives",
        "device",
        "dtype",
        "result",
    ]
    assert [row.split()[-2:] for row in rows] == [
        [dtype, "ok"] for dtype in ("float32", "float64", "bfloat16", "float16")
    ]
    assert rows[0].split()[:4] == ["relu", str(len(validation.BLOCKS["relu"].cases)), "0.0e+00", "0.0e+00"]
    assert rows[1].split()[4:6] == ["right", "cpu"]
    assert last.startswith("All 1 blocks agree with torch")


def test_a_slightly_wrong_block_is_found(run, relu):
    relu(lambda input: torch.where(input > 0, input, input * 1e-3))
    result = run("check", "--verbose", "--device", "cpu")
    assert result.exit_code == 1
    # In bf16, the tolerance is too large to show it.
    assert result.stdout.count("WRONG") == 3
    assert "relu in float32, input=2x4x13x17 contiguous: errors" in result.stderr
    assert "allowed 1.0e-05, 1.0e-04" in result.stderr
    # The first ten of many cases are listed.
    assert len(result.stderr.splitlines()) == 12


class FixedSlopes(torch.autograd.Function):
    """The square, with a gradient that is right and taken for constant."""

    @staticmethod
    def forward(ctx, x):
        ctx.slopes = 2 * x.detach()
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.slopes


def test_a_block_with_a_wrong_second_derivative_is_found(run, monkeypatch):
    cases = [validation.Case({"input": (2, 3, 4, 5)})]
    block = validation.Block("square", lambda input: FixedSlopes.apply(input), torch.square, cases, cases)
    monkeypatch.setattr(validation, "BLOCKS", {"square": block})
    result = run("check", "--verbose", "--device", "cpu")
    assert result.exit_code == 1
    assert result.stdout.count("WRONG") == 1
    assert (
        "square, input=2x3x4x5 contiguous: a derivative is not what finite differences say" in result.stderr
    )


def test_a_block_that_breaks_is_a_finding(run, relu):
    def broken(input):
        raise RuntimeError("no kernel for this device")

    relu(broken)
    result = run("check", "--device", "cpu")
    assert result.exit_code == 1
    assert "no kernel for this device" in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_a_device_that_is_not_there_is_one_line(run):
    result = run("check", "--device", "cuda")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
