"""What runs on the GPU of `triton_rows`, which says what it computes and of what shapes."""

import triton
import triton.language as tl


# What differs with the size of a picture: for multiples of 16, Triton would compile a kernel of their own.
@triton.jit(
    do_not_specialize=[
        "height",
        "width",
        "whole_height",
        "whole_width",
        "rows",
        "columns",
        "other_rows",
        "other_columns",
        "affine_stride",
    ]
)
def pad(
    source,
    residual,
    scale,
    shift,
    target,
    height,
    width,
    whole_height,
    whole_width,
    rows,
    columns,
    other_rows,
    other_columns,
    affine_stride,
    first_y,
    first_x,
    other_first_y,
    other_first_x,
    REFLECTED: tl.constexpr,
    STRIDE: tl.constexpr,
    CHANNELS: tl.constexpr,
    PITCH: tl.constexpr,
    OTHER_PITCH: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK: tl.constexpr,
    LANES: tl.constexpr,
):
    """Program (r, b, n): BLOCK pixels of row r of picture n. See `triton_rows.padded`."""
    n, r = tl.program_id(2).to(tl.int64), tl.program_id(0)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    c = tl.arange(0, LANES)
    # Rows of one step of the stride lie together.
    each = rows // STRIDE
    y, x = r % each * STRIDE + r // each + first_y, column + first_x
    from_y, within_y = _reflected(y, whole_height, REFLECTED)
    from_x, within_x = _reflected(x, whole_width, REFLECTED)
    from_y, _ = _reflected(from_y, height, 0)
    from_x, _ = _reflected(from_x, width, 0)
    written = (column < columns)[:, None] & (c < PITCH)[None, :]
    seen = written & (within_x & within_y)[:, None] & (c < CHANNELS)[None, :]
    index = ((n * height + from_y) * width + from_x)[:, None] * CHANNELS + c[None, :]
    value = tl.load(source + index, seen, 0).to(tl.float32)
    at_c = n * affine_stride + c
    value = (
        value * tl.load(scale + at_c, c < CHANNELS, 0)[None, :]
        + tl.load(shift + at_c, c < CHANNELS, 0)[None, :]
    )
    if RELU:
        value = tl.maximum(value, 0)
    if residual is not None:
        pixel = (n * other_rows + from_y - other_first_y) * other_columns + from_x - other_first_x
        value += tl.load(residual + pixel[:, None] * OTHER_PITCH + c[None, :], seen, 0).to(tl.float32)
    value = tl.where(seen, value, 0)
    index = ((n * rows + r) * columns + column)[:, None] * PITCH + c[None, :]
    tl.store(target + index, value.to(target.dtype.element_ty), written)


@triton.jit
def _reflected(i, size, reflected):
    """The row (or column) that position `i` reads, and whether it is within the reflection around the picture."""
    return size - 1 - tl.abs(size - 1 - tl.abs(i)), (i >= -reflected) & (i < size + reflected)


@triton.jit(do_not_specialize=["height", "width", "columns", "apart"])
def convolve(
    steps,
    weight,
    bias,
    target,
    means,
    deviations,
    height,
    width,
    columns,
    apart,
    factor,
    offset,
    ROWS: tl.constexpr,
    WINDOW: tl.constexpr,
    STRIDE: tl.constexpr,
    OUTPUTS: tl.constexpr,
    UP_Y: tl.constexpr,
    UP_X: tl.constexpr,
    TANH: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Program (t, b, n): tile t of picture n, outputs b * BLOCK_N and on. See `triton_rows.convolve`."""
    n, first, o0 = tl.program_id(2), tl.program_id(0) * BLOCK_M, tl.program_id(1) * BLOCK_N
    EACH: tl.constexpr = (WINDOW + BLOCK_K - 1) // BLOCK_K
    start = n * apart * STRIDE * columns + first
    sums = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for i in range(ROWS * EACH):
        row = i // EACH
        # The tile's pixels as row `row` of the kernel sees them: (BLOCK_M, BLOCK_K), zeros beyond the window.
        a = steps.load([start + (row % STRIDE * apart + row // STRIDE) * columns, i % EACH * BLOCK_K])
        sums = tl.dot(a, weight.load([i * BLOCK_K, o0]), sums, input_precision=PRECISION)

    PHASES: tl.constexpr = UP_Y * UP_X
    each = o0 + tl.arange(0, BLOCK_N)
    phase, o, there = each // OUTPUTS, each % OUTPUTS, each < PHASES * OUTPUTS
    if bias is not None:
        sums += tl.load(bias + o, there, 0).to(tl.float32)[None, :]
    step = first + tl.arange(0, BLOCK_M)
    y, x = step // columns, step % columns
    inside = (y < height) & (x < width)
    if means is not None:
        # Of what is stored: where a picture is even, the variance is 0, and a mean that the stored values do not have
        # would be magnified by 1 / sqrt(eps).
        sums = sums.to(target.dtype.element_ty).to(tl.float32)
        mean = tl.sum(tl.where(inside[:, None], sums, 0), 0) / tl.maximum(tl.sum(inside.to(tl.int32), 0), 1)
        centred = tl.where(inside[:, None], sums - mean[None, :], 0)
        part = ((n * OUTPUTS + o).to(tl.int64) * tl.num_programs(0) + tl.program_id(0)) * PHASES + phase
        tl.store(means + part, mean, there)
        tl.store(deviations + part, tl.sum(centred * centred, 0), there)
    if TANH:
        # Beyond the border lies anything, whose exponential may overflow.
        sums = tl.where(inside[:, None], sums, 0)
        sums = factor * (1 - 2 / (tl.exp(2 * sums) + 1)) + offset
    if target.dtype.element_ty == tl.uint8:
        sums = tl.floor(tl.minimum(tl.maximum(sums, 0), 255) + 0.5)
    top, left = phase // UP_X, phase % UP_X
    target_width = width * UP_X
    pixel = (n.to(tl.int64) * height + y) * UP_Y * target_width + x * UP_X
    index = pixel[:, None] * OUTPUTS + ((top * target_width + left) * OUTPUTS + o)[None, :]
    tl.store(target + index, sums.to(target.dtype.element_ty), inside[:, None] & there[None, :])


@triton.jit(do_not_specialize=["tiles", "phases", "tile_pixels", "height", "width", "columns", "outputs"])
def normalize(
    means,
    deviations,
    gamma,
    beta,
    scale,
    shift,
    tiles,
    phases,
    tile_pixels,
    height,
    width,
    columns,
    outputs,
    eps,
    BLOCK: tl.constexpr,
):
    """Program n * outputs + o: one channel of a picture. See `triton_rows.normalization`."""
    channel = tl.program_id(0)
    means += channel.to(tl.int64) * tiles
    deviations += channel.to(tl.int64) * tiles
    count, mean = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK,), tl.float32)
    deviation = tl.zeros((BLOCK,), tl.float32)
    for t0 in range(0, tiles, BLOCK):
        t = t0 + tl.arange(0, BLOCK)
        first = t // phases * tile_pixels
        more = _inside(first + tile_pixels, height, width, columns) - _inside(first, height, width, columns)
        more = tl.where(t < tiles, more, 0).to(tl.float32)
        total = count + more
        apart = tl.load(means + t, t < tiles, 0) - mean
        part = more / tl.maximum(total, 1)
        mean += apart * part
        deviation += tl.load(deviations + t, t < tiles, 0) + apart * apart * count * part
        count = total
    pixels = tl.sum(count, 0)
    overall = tl.sum(mean * count, 0) / pixels
    apart = mean - overall
    variance = tl.sum(deviation + apart * apart * count, 0) / pixels
    factor = tl.load(gamma + channel % outputs).to(tl.float32) / tl.sqrt(variance + eps)
    tl.store(scale + channel, factor)
    tl.store(shift + channel, tl.load(beta + channel % outputs).to(tl.float32) - overall * factor)


@triton.jit
def _inside(step, height, width, columns):
    """How many of the steps before `step` are inside of the picture."""
    y = tl.minimum(step // columns, height)
    return y * width + tl.where(y < height, tl.minimum(step % columns, width), 0)
