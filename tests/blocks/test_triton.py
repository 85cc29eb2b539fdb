"""The Triton kernels against the matrix products in fp64 and torch's operators.

Where there is no GPU they run in Triton's interpreter, on few and small cases, and are compiled for one all the same.
"""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from artlives.blocks.arguments import pair
from artlives.blocks.kernels import matmul
from artlives.blocks.kernels.matmul import Geometry
from artlives.validation import BLOCKS, TOLERANCES, arrange, draw
from tests.fake_gpu import FAKE_GPU

triton = pytest.importorskip("triton", reason="Triton is not installed")
kernels = pytest.importorskip("artlives.blocks.kernels.triton_kernels")
rows = pytest.importorskip("artlives.blocks.kernels.triton_rows")

GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
pytestmark = [pytest.mark.gpu] if GPU else []


@pytest.fixture(autouse=True)
def products_of_bf16(monkeypatch):
    """The interpreter keeps bf16 as whole numbers of the same bits, and multiplies those: they are widened before."""
    if not GPU:
        interpreter = pytest.importorskip("triton.runtime.interpreter").InterpreterBuilder
        plain = interpreter.create_dot

        def create_dot(self, *arguments):
            *factors, sums, precision, imprecise = arguments
            wide = [
                self.cast_impl(x, triton.language.float32) if "bf16" in str(x.dtype) else x for x in factors
            ]
            return plain(self, *wide, sums, precision, imprecise)

        monkeypatch.setattr(interpreter, "create_dot", create_dot)


def geometry(case):
    options = {name: case.options.get(name, default) for name, default in DEFAULTS.items()}
    return Geometry(*(pair(value, name) for name, value in options.items()))


DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1}


def ungrouped(name):
    return [
        case
        for case in BLOCKS[name].cases
        if case.options.get("groups", 1) == 1
        and not isinstance(case.options.get("padding"), str)
        # Triton's interpreter is slow: it gets the small cases.
        and (GPU or case.tensors["input"][-3] < 48)
    ]


def few(name):
    """Some with each dtype, so that over all of them each stride, kernel, dilation and layout comes up.

    All would be a thousand kernels, which take a GPU ten minutes to compile.
    """
    cases = ungrouped(name)
    spread = {
        torch.float32: slice(0, None, 9),
        torch.float16: slice(4, None, 27),
        torch.bfloat16: slice(7, None, 27),
    }
    return [(name, case, dtype) for dtype, some in spread.items() for case in cases[some]]


def close(result, truth, tolerance):
    """Largest error relative to the largest value."""
    assert result.shape == truth.shape
    if truth.numel():
        assert (result.cpu().double() - truth).abs().max() <= tolerance * truth.abs().max()


@pytest.mark.parametrize(
    ("name", "case", "dtype"), [*few("conv2d"), *few("conv_transpose2d")], ids=lambda value: str(value)
)
def test_convolution_and_its_adjoints(name, case, dtype):
    exact = {key: value.to(dtype).double() for key, value in draw(case).items()}
    x, weight, bias = exact["input"], exact["weight"], exact.get("bias")
    x = x if x.ndim == 4 else x[None]
    g = geometry(case)
    if name == "conv2d":
        size = [
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(x.shape[2:], weight.shape[2:], *g[:3], strict=True)
        ]
        y = torch.randn(len(x), len(weight), *size, generator=torch.Generator().manual_seed(1))
        biases = bias, None
    else:
        size = [
            (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
            for n, k, s, p, d, extra in zip(
                x.shape[2:],
                weight.shape[2:],
                *g[:3],
                pair(case.options.get("output_padding", 0), ""),
                strict=True,
            )
        ]
        y, x = x, torch.randn(len(x), weight.shape[1], *size, generator=torch.Generator().manual_seed(1))
        biases = None, bias
    x, y = x.to(dtype).double(), y.to(dtype).double()
    ours = [None if t is None else t.to(DEVICE, dtype) for t in (weight, *biases)]
    x_, y_ = (arrange(t.to(DEVICE, dtype), case.layout) for t in (x, y))
    tolerance = TOLERANCES[dtype]

    result = kernels.convolve(x_, *ours[:2], g)
    assert result.dtype == dtype
    assert result.stride(1) == 1
    close(result, matmul.convolve(x, weight, biases[0], g), tolerance.forward)
    result = kernels.convolve_transposed(y_, ours[0], ours[2], g, x.shape[2:])
    assert result.dtype == dtype
    assert result.stride(1) == 1
    close(result, matmul.convolve_transposed(y, weight, biases[1], g, x.shape[2:]), tolerance.forward)
    # An output padding may leave room for further values.
    if name == "conv_transpose2d":
        y_, y = (t[:, :, : result.shape[2]] for t in (y_, y))
    result = kernels.correlate_weight(x_, y_, g, weight.shape[2:])
    assert result.dtype == dtype
    assert result.is_contiguous()
    close(result, matmul.correlate_weight(x, y, g, weight.shape[2:]), tolerance.gradient)


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous()


def nchw(x):
    return x.permute(0, 3, 1, 2)


def normalized(y, gamma, beta):
    return functional.instance_norm(y.double(), weight=gamma.double(), bias=beta.double())


def row_kernel(weight, bias, geometry, transposed=False):
    prepare = kernels.transposed_convolution if transposed else kernels.convolution
    return rows.row_kernel(prepare(weight, bias, geometry))


def affine(n, c, seed=2):
    return rows.Affine(random(n, c, seed=seed), random(n, c, seed=seed + 1))


def read(x, scale, shift):
    return x * scale[:, None, None] + shift[:, None, None]


# (height, width, channels, outputs, kernel, stride): several tiles with a part of one, several steps; channels that the
# copy engine cannot step by; a reflection of the whole picture.
@pytest.mark.parametrize(
    "shape", [(13, 11, 20, 9, 3, 1), (10, 14, 3, 70, 5, 2), (9, 12, 5, 9, 3, 3), (8, 9, 16, 4, 1, 1)], ids=str
)
def test_all_that_surrounds_a_convolution(shape):
    h, w, c, o, k, s = shape
    n, p = 2, k // 2
    x, other, weight, bias = random(n, h, w, c), random(n, h, w, c, seed=1), random(o, c, k, k), random(o)
    outer = rows.padded(
        other,
        (h, w),
        2,
        row_kernel(random(1, c, 5, 5), None, Geometry(padding=(2, 2))),
        rows.Affine(torch.ones(n, c, device=DEVICE), torch.zeros(n, c, device=DEVICE)),
    )
    values = affine(n, c)
    expected = functional.conv2d(
        functional.pad(nchw(read(x, *values).clamp(min=0) + other).double(), (p,) * 4, "reflect"),
        weight.double(),
        bias.double(),
        stride=s,
    )
    target = torch.full_like(nhwc(expected), torch.nan, dtype=torch.float32)
    kernel = row_kernel(weight, bias, Geometry((s, s), (p, p)))
    seen = rows.padded(x, (h, w), p, kernel, values, relu=True, residual=outer)
    statistics = rows.convolve(seen, target, statistics=True)
    close(nchw(target), expected.cpu(), 1e-5)
    gamma, beta = random(o, seed=4), random(o, seed=5)
    result = read(target, *rows.normalization(statistics, gamma, beta))
    close(nchw(result), normalized(expected, gamma, beta).cpu(), 1e-5)


# (kernel, stride, padding): the network's, an odd kernel, one that reaches beyond the reflection, phases without a tap.
@pytest.mark.parametrize("shape", [(4, 2, 1), (5, 3, 1), (8, 2, 3), (2, 3, 0)], ids=str)
def test_transposed_convolution_by_phases(shape):
    k, s, p = shape
    x, weight, values = random(2, 6, 7, 20), random(20, 5, k, k), affine(2, 20, seed=0)
    expected = functional.conv_transpose2d(
        functional.pad(nchw(read(x, *values)).double(), (1,) * 4, "reflect"),
        weight.double(),
        stride=s,
        padding=p + s,
    )
    # Whole steps.
    expected = expected[..., : expected.shape[2] // s * s, : expected.shape[3] // s * s]
    target = torch.full((2, *expected.shape[2:], 5), torch.nan, device=DEVICE)
    kernel = row_kernel(weight, None, Geometry((s, s), (p, p)), transposed=True)
    statistics = rows.convolve(rows.padded(x, x.shape[1:3], 1, kernel, values), target, statistics=True)
    close(nchw(target), expected.cpu(), 1e-5)
    found = rows.normalization(statistics, torch.ones(5).to(DEVICE), torch.zeros(5).to(DEVICE))
    close(nchw(read(target, *found)), functional.instance_norm(expected).cpu(), 1e-5)


# (kernel, stride)
@pytest.mark.parametrize("shape", [(7, 2), (5, 1), (3, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_pictures_enlarged_to_whole_steps(shape, dtype):
    k, s = shape
    picture = torch.randint(0, 256, (2, 10, 14, 3), device=DEVICE).to(dtype)
    p, weight = k // 2, random(20, 3, k, k)
    whole = functional.pad(nchw(picture).double() / 100 - 1, (0, 4, 0, 2), "reflect")
    expected = functional.conv2d(functional.pad(whole, (p,) * 4, "reflect"), weight.double(), stride=s)
    kernel = row_kernel(weight, None, Geometry((s, s), (p, p)))
    # The same for both pictures.
    values = rows.Affine(*(torch.full((1, 3), v, device=DEVICE).expand(2, 3) for v in (0.01, -1.0)))
    target = torch.full_like(nhwc(expected), torch.nan, dtype=torch.float32)
    rows.convolve(rows.padded(picture, (12, 18), p, kernel, values), target)
    close(nchw(target), expected.cpu(), 1e-5)


def test_statistics_of_a_large_mean():
    """The variance of 1000 + noise would drown in fp32's rounding, were it the mean of squares less the square."""
    x = 1000 + random(1, 24, 24, 4) / 10
    target = torch.empty_like(x)
    kernel = row_kernel(torch.eye(4, device=DEVICE)[:, :, None, None], None, Geometry())
    statistics = rows.convolve(rows.padded(x, (24, 24), 0, kernel, unchanged(4)), target, statistics=True)
    scale, shift = rows.normalization(
        statistics, torch.ones(4).to(DEVICE), torch.zeros(4).to(DEVICE), eps=0.0
    )
    variance, mean = torch.var_mean(x.double(), (1, 2), unbiased=False)
    torch.testing.assert_close(scale.double(), variance.rsqrt(), rtol=1e-4, atol=0)
    torch.testing.assert_close(shift.double(), -mean * variance.rsqrt(), rtol=1e-4, atol=0)


def unchanged(c):
    return rows.Affine(torch.ones(1, c, device=DEVICE), torch.zeros(1, c, device=DEVICE))


def test_bytes_are_read_and_written():
    x = torch.randint(0, 256, (1, 7, 9, 3), dtype=torch.uint8, device=DEVICE)
    weight, bias = random(6, 3, 3, 3) / 200, random(6)
    exact = functional.conv2d(nchw(x).double(), weight.double(), bias.double(), padding=1)
    target = torch.empty(1, 7, 9, 6, dtype=torch.uint8, device=DEVICE)
    kernel = row_kernel(weight, bias, Geometry(padding=(1, 1)))
    rows.convolve(rows.padded(x, (7, 9), 0, kernel, unchanged(3)), target, gain=(150.0, 127.5))
    expected = (150 * torch.tanh(exact) + 127.5).clamp(0, 255)
    assert (expected == 255).any()
    assert (nchw(target) - expected).abs().max() < 0.5001


def test_what_is_left_to_the_matrix_products():
    x, weight = random(1, 4, 5, 5), random(4, 4, 3, 3)
    assert kernels.supports(x, weight, Geometry()) == (GPU and torch.cuda.get_device_capability() >= (8, 0))
    assert not kernels.supports(x.cpu(), weight.cpu(), Geometry())
    assert not kernels.supports(x.double(), weight.double(), Geometry())
    assert not kernels.supports(x.half(), weight, Geometry())
    assert not kernels.supports(x, weight[:, :2], Geometry(groups=2))


def test_statistics_are_those_of_the_stored_values():
    """The variance of an even output is 0: what the mean is off by would be magnified 316 times."""
    x = torch.full((1, 16, 24, 4), 0.3, device=DEVICE)
    kernel = row_kernel(random(8, 4, 1, 1).half(), None, Geometry())
    target = torch.empty(1, 16, 24, 8, dtype=torch.float16, device=DEVICE)
    statistics = rows.convolve(rows.padded(x, (16, 24), 0, kernel, unchanged(4)), target, statistics=True)
    found = rows.normalization(statistics, torch.ones(8).to(DEVICE), torch.zeros(8).to(DEVICE))
    assert read(target, *found).abs().max() < 0.01


@pytest.mark.parametrize(("name", "value"), [("fp32_precision", "tf32"), ("allow_tf32", True)])
def test_torchs_switch_of_tf32_is_followed(name, value):
    switch = torch.backends.cuda.matmul
    if not hasattr(switch, name):
        pytest.skip("this torch has the old switch alone")
    assert [kernels.precision_of(dtype) for dtype in kernels.DTYPES] == ["ieee"] * 3
    before = getattr(switch, name)
    try:
        setattr(switch, name, value)
        assert [kernels.precision_of(dtype) for dtype in kernels.DTYPES] == ["tf32", "ieee", "ieee"]
    finally:
        setattr(switch, name, before)


COMPILE = (
    FAKE_GPU
    + """
import torch
from triton.runtime.jit import JITFunction

from artlives.blocks.kernels import triton_kernels as kernels
from artlives.blocks.kernels import triton_rows as rows
from artlives.blocks.kernels.matmul import Geometry

plain = JITFunction.run


def run(self, *arguments, warmup, **options):
    compiled = plain(self, *arguments, warmup=True, **options)
    print(self.__name__, "mma" in compiled.asm["ptx"])


JITFunction.run = run
geometry = Geometry(padding=(1, 1))
ones = rows.Affine(torch.ones(1, 24), torch.ones(1, 24))
for dtype in (torch.float32, torch.bfloat16):
    x, weight = torch.zeros(1, 24, 8, 8, dtype=dtype), torch.zeros(16, 24, 3, 3, dtype=dtype)
    y = kernels.convolve(x, weight, None, geometry)
    kernels.correlate_weight(x, y, geometry, (3, 3))
    kernel = rows.row_kernel(kernels.convolution(weight, None, geometry))
    read = rows.padded(x.permute(0, 2, 3, 1).contiguous(), (8, 8), 1, kernel, ones)
    statistics = rows.convolve(read, torch.empty(1, 8, 8, 16, dtype=dtype), statistics=True)
rows.normalization(statistics, ones.scale[0, :16], ones.shift[0, :16])
kernel = kernels.transposed_convolution(weight.half(), ones.shift[0], Geometry((2, 2), (1, 1)))
source, picture = torch.zeros(1, 4, 4, 16).half(), torch.zeros(1, 8, 8, 24, dtype=torch.uint8)
read = rows.padded(source, (4, 4), 1, rows.row_kernel(kernel), ones, relu=True, residual=read)
rows.convolve(read, picture, gain=(150.0, 127.5))
"""
)


@pytest.mark.slow
@pytest.mark.skipif(GPU, reason="the other tests compile them")
def test_the_kernels_compile_for_a_gpu(tmp_path):
    """The interpreter takes what the compiler refuses, which needs no GPU. Half precision is for tensor cores."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        "convolve False",
        "correlate False",
        "pad False",
        "convolve False",
        "convolve True",
        "correlate True",
        "pad False",
        "convolve True",
        "normalize False",
        "pad False",
        "convolve True",
    ]
