"""What runs on the GPU of `triton_kernels`, which says what it computes and of what shapes."""

import triton
import triton.language as tl


# What differs with the size of a picture: for multiples of 16, Triton would compile a kernel of their own.
@triton.jit(do_not_specialize=["height", "width", "target_height", "target_width"])
def convolve(
    source,
    weight,
    bias,
    target,
    height,
    width,
    target_height,
    target_width,
    kernel_rows,
    kernel_columns,
    first_y,
    first_x,
    stride_y,
    stride_x,
    input_step_y,
    input_step_x,
    CHANNELS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    UP_Y: tl.constexpr,
    UP_X: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Program (t, b, n): tile t of picture n, rows b * BLOCK_N and on of the weight. See `triton_kernels.run`."""
    n = tl.program_id(2).to(tl.int64)
    # Of steps; see `triton_kernels.Kernel`.
    rows, columns = tl.cdiv(target_height, UP_Y), tl.cdiv(target_width, UP_X)
    m = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = m < rows * columns
    y, x = (m // columns)[:, None], (m % columns)[:, None]
    PHASES: tl.constexpr = UP_Y * UP_X
    row = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    phase, o = row // OUTPUTS, row % OUTPUTS
    there = row < PHASES * OUTPUTS

    # Many channels are rounded up to whole steps, so that a step lies within one tap and finds its pixels just once.
    SLOTS: tl.constexpr = CHANNELS if CHANNELS < 16 else (CHANNELS + BLOCK_K - 1) // BLOCK_K * BLOCK_K
    taps = kernel_rows * kernel_columns
    picture = n * height * width * CHANNELS
    sums = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k0 in range(0, taps * SLOTS, BLOCK_K):
        # What the pixels of the tile see under BLOCK_K values of the kernel: (BLOCK_M, BLOCK_K).
        tap, c = _tap_and_channel(k0, SLOTS, BLOCK_K)
        i, j = tap // kernel_columns, tap % kernel_columns
        at_y = y * stride_y + (first_y + i * input_step_y)[None, :]
        at_x = x * stride_x + (first_x + j * input_step_x)[None, :]
        exists = (tap < taps) & (c < CHANNELS)
        seen = (
            inside[:, None] & (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width) & exists[None, :]
        )
        index = picture + (at_y * width + at_x).to(tl.int64) * CHANNELS + c[None, :]
        a = tl.load(source + index, seen, 0)
        # Times these values of the kernel: (BLOCK_K, BLOCK_N).
        index = (tap * CHANNELS + c)[:, None] + (row * taps * CHANNELS)[None, :]
        b = tl.load(weight + index, exists[:, None] & there[None, :], 0)
        sums = tl.dot(a, b, sums, input_precision=PRECISION)
    if bias is not None:
        sums += tl.load(bias + o, there, 0).to(tl.float32)[None, :]

    top, left = phase // UP_X, phase % UP_X
    pixel = n * target_height * target_width + y * UP_Y * target_width + x * UP_X
    index = pixel * OUTPUTS + ((top * target_width + left) * OUTPUTS + o)[None, :]
    there = inside[:, None] & there[None, :]
    # A step's pixels may lie beyond the last row or column.
    if UP_Y > 1:
        there = there & (y * UP_Y + top[None, :] < target_height)
    if UP_X > 1:
        there = there & (x * UP_X + left[None, :] < target_width)
    tl.store(target + index, sums.to(target.dtype.element_ty), there)


@triton.jit
def _tap_and_channel(k0, SLOTS: tl.constexpr, BLOCK: tl.constexpr):
    """Tap and channel of values k0 to k0 + BLOCK of a kernel, SLOTS a tap; a single tap where they must share it."""
    k = k0 + tl.arange(0, BLOCK)
    if SLOTS % BLOCK == 0:
        return tl.zeros((1,), tl.int32) + k0 // SLOTS, k % SLOTS
    else:
        return k // SLOTS, k % SLOTS


@triton.jit(do_not_specialize=["height", "width", "out_height", "out_width", "pixels", "steps_each"])
def correlate(
    inputs,
    outputs,
    parts,
    height,
    width,
    out_height,
    out_width,
    pixels,
    steps_each,
    kernel_rows,
    kernel_columns,
    stride_y,
    stride_x,
    padding_y,
    padding_x,
    dilation_y,
    dilation_x,
    CHANNELS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_O: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_P: tl.constexpr,
):
    """Program (b, d, s): BLOCK_O output channels by BLOCK_K values of the kernel, summed over part s of all pixels."""
    o = tl.program_id(0) * BLOCK_O + tl.arange(0, BLOCK_O)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    values = kernel_rows * kernel_columns * CHANNELS
    tap, c = _tap_and_channel(tl.program_id(1) * BLOCK_K, CHANNELS, BLOCK_K)
    from_y = (tap // kernel_columns * dilation_y - padding_y)[None, :]
    from_x = (tap % kernel_columns * dilation_x - padding_x)[None, :]
    sums = tl.zeros((BLOCK_O, BLOCK_K), tl.float32)
    first = tl.program_id(2) * steps_each * BLOCK_P
    for p0 in range(first, tl.minimum(first + steps_each * BLOCK_P, pixels), BLOCK_P):
        p = p0 + tl.arange(0, BLOCK_P)
        n, y, x = p // (out_height * out_width), p // out_width % out_height, p % out_width
        # The inputs that the kernel's values meet at these pixels (BLOCK_P, BLOCK_K), and the outputs there
        # (BLOCK_P, BLOCK_O).
        at_y, at_x = y[:, None] * stride_y + from_y, x[:, None] * stride_x + from_x
        seen = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
        seen = seen & (p < pixels)[:, None] & (k < values)[None, :]
        index = ((n.to(tl.int64) * height)[:, None] + at_y) * width + at_x
        a = tl.load(inputs + index * CHANNELS + c[None, :], seen, 0)
        index = p.to(tl.int64)[:, None] * OUTPUTS + o[None, :]
        b = tl.load(outputs + index, (p < pixels)[:, None] & (o < OUTPUTS)[None, :], 0)
        sums = tl.dot(tl.trans(b), a, sums, input_precision=PRECISION)
    index = (tl.program_id(2).to(tl.int64) * OUTPUTS + o)[:, None] * values + k[None, :]
    tl.store(parts + index, sums, (o < OUTPUTS)[:, None] & (k < values)[None, :])
