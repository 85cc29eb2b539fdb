/* Writing a row of a Unit's output. Part of set.h. */

/* Adding it to a number of fp32 below 2^22 and subtracting it again rounds to a whole number: it leaves no bit of the
   mantissa for a fraction. */
#define ROUNDING 0x1.8p23f

/* A row of output to its places in the target of `type`, every `apart` pixels. */
INLINE void NAME(write_as)(const int type, const Unit *u, const Workspace *w, const float *in, int64_t row,
                           int64_t left, int64_t apart, int64_t count)
{
    int64_t c = u->outputs, i = ((row - u->target_top) * u->output_width + left) * c;
    for (int64_t x = 0; x < count; x++, i += apart * c, in += w->vectors * LANES) {
        int64_t k = 0;
        for (; k + LANES <= c; k += LANES)
            NAME(store)(u->target, type, i + k, *(const vec *)(in + k));
        /* The last vector overlaps the one before, so that nothing beyond the pixel is written. */
        if (k < c && c >= LANES)
            NAME(store)(u->target, type, i + c - LANES, *(const vec *)(in + c - LANES));
        else
            for (; k < c; k++)
                NAME(put)(u->target, type, i + k, in[k]);
    }
}

TARGET static void NAME(write)(const Unit *u, const Workspace *w, const float *in, int64_t row, int64_t left,
                               int64_t apart, int64_t count)
{
    if (u->target_type == FLOAT32)
        NAME(write_as)(FLOAT32, u, w, in, row, left, apart, count);
    else if (u->target_type == BFLOAT16)
        NAME(write_as)(BFLOAT16, u, w, in, row, left, apart, count);
    else
        NAME(write_as)(FLOAT16, u, w, in, row, left, apart, count);
}

/* x, or the limit that it is beyond. */
INLINE vec NAME(limited)(vec x, float least, float most)
{
    mask below = x < least, above = x > most;
    vec zero = {0};
    x = (vec)(((mask)x & ~below) | ((mask)(zero + least) & below));
    return (vec)(((mask)x & ~above) | ((mask)(zero + most) & above));
}

/* gain * tanh(x) + offset, where tanh(x) = 1 - 2 / (exp(2 x) + 1) is exact to 2e-7. Beyond 9, tanh is 1 in fp32. 2^y is
   2 to y's nearest whole number times the Taylor series of exp, which needs six terms within ln(2) / 2. */
INLINE vec NAME(scaled_tanh)(vec x, float gain, float offset)
{
    const float ln_2 = 0.6931471805599453f, two_by_ln_2 = 2.8853900817779268f;
    vec y = NAME(limited)(x, -9, 9) * two_by_ln_2;
    vec whole = (y + ROUNDING) - ROUNDING, z = (y - whole) * ln_2;
    vec power = 1 + z * (1 + z * (1 / 2.f + z * (1 / 6.f + z * (1 / 24.f + z * (1 / 120.f + z / 720)))));
    vec scale = (vec)((__builtin_convertvector(whole, mask) + 127) << 23);
    return gain * (1 - 2 / (power * scale + 1)) + offset;
}

/* `count` pixels, each of which is the sum of the first column's three channels at x, the second one's at x + 1, and so
   on, to `line`. */
INLINE void NAME(add_columns)(const int64_t columns, const float *output, int64_t width, int64_t count, float *line)
{
    for (int64_t x = 0; x < count; x++) {
        const float *in = output + x * width;
        quad sum = {0};
#pragma GCC unroll 8
        for (int64_t f = 0; f < columns; f++)
            sum += *(const quad *)(in + f * (width + COLORS));
        /* Four values are stored where a pixel has three: the next pixel overwrites the fourth, and `line` has room
           for the last one's. */
        *(quad *)(line + x * COLORS) = sum;
    }
}

/* A row of the picture where the kernel's columns are channels. */
TARGET static void NAME(write_picture)(const Unit *u, const Workspace *w, int64_t row, int64_t left, int64_t count)
{
    int64_t width = w->vectors * LANES, c = COLORS;
    float *line = w->line;
    /* The network's own kernel has five, which the compiler is told. */
    if (u->columns_as_channels == 5)
        NAME(add_columns)(5, w->output, width, count, line);
    else
        NAME(add_columns)(u->columns_as_channels, w->output, width, count, line);
    int64_t i = ((row - u->target_top) * u->output_width + left) * c;
    /* `line` has room for whole vectors, the target has not. */
    for (int64_t j = 0, some; j < count * c; j += some) {
        some = count * c - j < LANES ? count * c - j : LANES;
        vec x = NAME(scaled_tanh)(*(const vec *)(line + j), u->gain, u->offset);
        if (u->target_type == FLOAT32) {
            memcpy((float *)u->target + i + j, &x, some * sizeof(float));
            continue;
        }
        x = (NAME(limited)(x, 0, 255) + ROUNDING) - ROUNDING;
        bytes values = __builtin_convertvector(__builtin_convertvector(x, mask), bytes);
        if (some == LANES)
            *(bytes *)((uint8_t *)u->target + i + j) = values;
        else
            memcpy((uint8_t *)u->target + i + j, &values, some);
    }
}
