/* The work of a `Unit`, for one instruction set: included once for each, with INSTRUCTIONS (its name), TARGET (the
   attribute that allows its use), LANES (floats in a vector), VECTORS (of output channels) and TILE (pixels): together
   they are computed at a time, in VECTORS * TILE registers. FROM_HALVES and TO_HALVES, a vector of fp16 from memory
   and one, limited to what is finite, to memory, are defined where the processor has instructions for it. */

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define NAME(a) NAMED(a, INSTRUCTIONS)
#define INLINE static inline __attribute__((always_inline)) TARGET

#define vec NAME(vec)
#define half NAME(half)
#define doubles NAME(doubles)
#define quad NAME(quad)
#define mask NAME(mask)
#define bits NAME(bits)
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float half __attribute__((vector_size(2 * LANES), aligned(4), may_alias));
typedef double doubles __attribute__((vector_size(4 * LANES), aligned(8), may_alias));
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint16_t bits __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

/* Pixels that are computed at a time with so many vectors of output channels. */
#define PIXELS(vectors) ((vectors) == 1 ? 2 * TILE : (vectors) == 2 ? TILE * 3 / 2 : TILE)
#define COLORS 3                         /* channels of a folded output */
#define LINES(values) (((values) + 15) / 16 * 16) /* whole cache lines, in values of 4 bytes */

/* Memory that one run needs, and how it divides the picture's width. */
#define Work NAME(Work)
typedef struct {
    int64_t vectors, blocks;     /* of all output channels */
    int64_t span_rows, span_columns; /* of the padded input, that one step meets */
    int64_t columns;             /* steps side by side that are done at a time */
    int64_t pattern;             /* values after which scale and shift repeat in whole vectors */
    int64_t slot;                /* values of one row of `input` */
    float *scale, *shift;        /* `pattern` values each */
    float *input;                /* ring of span_rows rows of the padded input, normalized */
    float *output;               /* rows of a phase's output, one (two by Winograd), all channels in whole vectors */
    int64_t output_row;          /* values of a row */
    float *squares, *products;   /* by Winograd: 16 planes each, of transformed input and of a block's products */
    int64_t square_plane, product_plane; /* values of a plane */
    float *line;                 /* one row of folded output */
    double *totals;
} Work;

/* fp16 without help of the processor, exact to rounding; |x| is limited to the largest number, 65504. */
INLINE float NAME(from_half)(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, bits = (uint32_t)(h & 0x7fff) << 13;
    float x;
    memcpy(&x, &bits, 4);
    x *= 0x1p112f;
    memcpy(&bits, &x, 4);
    bits |= sign;
    memcpy(&x, &bits, 4);
    return x;
}

INLINE uint16_t NAME(to_half)(float x)
{
    uint32_t sign, bits;
    memcpy(&sign, &x, 4);
    bits = sign & 0x7fffffff;
    float size;
    memcpy(&size, &bits, 4);
    size = size < 65504 ? size : 65504;
    size *= 0x1p-112f;
    memcpy(&bits, &size, 4);
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(bits >> 13 | (sign >> 16 & 0x8000));
}

/* bf16 is the upper half of fp32. */
INLINE float NAME(from_bfloat)(uint16_t b)
{
    uint32_t whole = (uint32_t)b << 16;
    float x;
    memcpy(&x, &whole, 4);
    return x;
}

/* Rounded to the nearest, to the even one of two. */
INLINE uint16_t NAME(to_bfloat)(float x)
{
    uint32_t whole;
    memcpy(&whole, &x, 4);
    return (uint16_t)((whole + 0x7fff + (whole >> 16 & 1)) >> 16);
}

/* One vector of an array of `type`, from value i on. */
INLINE vec NAME(load)(const void *array, const int type, int64_t i)
{
    vec x;
    if (type == FLOAT32)
        return *(const vec *)((const float *)array + i);
    if (type == BFLOAT16)
        return (vec)(__builtin_convertvector(*(const bits *)((const uint16_t *)array + i), mask) << 16);
#ifdef FROM_HALVES
    if (type == FLOAT16)
        return (vec)FROM_HALVES((const uint16_t *)array + i);
#endif
    for (int l = 0; l < LANES; l++)
        x[l] = type == UINT8 ? (float)((const uint8_t *)array)[i + l] : NAME(from_half)(((const uint16_t *)array)[i + l]);
    return x;
}

/* One vector to an array of fp32, fp16 or bf16, from value i on. */
INLINE void NAME(store)(void *array, const int type, int64_t i, vec x)
{
    if (type == FLOAT32) {
        *(vec *)((float *)array + i) = x;
        return;
    }
    uint16_t *to = (uint16_t *)array + i;
    if (type == BFLOAT16) {
        mask whole = (mask)x;
        *(bits *)to = __builtin_convertvector((whole + 0x7fff + (whole >> 16 & 1)) >> 16, bits);
        return;
    }
#ifdef TO_HALVES
    TO_HALVES(to, x);
#else
    for (int l = 0; l < LANES; l++)
        to[l] = NAME(to_half)(x[l]);
#endif
}

INLINE float NAME(value)(const void *array, const int type, int64_t i)
{
    return type == FLOAT32 ? ((const float *)array)[i]
           : type == UINT8    ? (float)((const uint8_t *)array)[i]
           : type == BFLOAT16 ? NAME(from_bfloat)(((const uint16_t *)array)[i])
                              : NAME(from_half)(((const uint16_t *)array)[i]);
}

/* One value to an array of fp32, fp16 or bf16, to place i. */
INLINE void NAME(put)(void *array, const int type, int64_t i, float x)
{
    if (type == FLOAT32)
        ((float *)array)[i] = x;
    else
        ((uint16_t *)array)[i] = type == BFLOAT16 ? NAME(to_bfloat)(x) : NAME(to_half)(x);
}

INLINE vec NAME(rectified)(vec x, int64_t relu)
{
    return relu ? (vec)((mask)x & (mask)(x > 0)) : x;
}

/* `count` values of the source from value i on, as the convolution wants them. */
INLINE void NAME(read)(const Unit *u, const Work *w, const int type, int64_t i, int64_t count, float *to, float *sum)
{
    int64_t done = 0;
    for (; done + w->pattern <= count; done += w->pattern)
        for (int64_t j = 0; j < w->pattern; j += LANES) {
            int64_t k = done + j;
            vec x = NAME(load)(u->source, type, i + k) * *(const vec *)(w->scale + j) + *(const vec *)(w->shift + j);
            x = NAME(rectified)(x, u->relu);
            if (u->residual)
                x += NAME(load)(u->residual, type, i + k);
            *(vec *)(to + k) = x;
            if (sum)
                *(vec *)(sum + k) = x;
        }
    for (; done < count; done++) {
        int64_t j = done % w->pattern;
        float x = NAME(value)(u->source, type, i + done) * w->scale[j] + w->shift[j];
        x = u->relu && !(x > 0) ? 0 : x;
        if (u->residual)
            x += NAME(value)(u->residual, type, i + done);
        to[done] = x;
        if (sum)
            sum[done] = x;
    }
}

/* Row `row` of the padded input, its columns from `left` to `right`, into `to`. What lies within the rows and columns
   that this run owns is kept in u->sum too. */
TARGET static void NAME(pack)(const Unit *u, const Work *w, int64_t row, int64_t left, int64_t right, int own_row,
                              int64_t own_left, int64_t own_right, float *to)
{
    int64_t c = u->channels, source_row = u->row_of[row];
    for (int64_t x = left, next; x < right; x = next) {
        int64_t column = u->column_of[x];
        next = x + 1;
        float *here = to + (x - left) * c;
        if (source_row < 0 || column < 0) {
            memset(here, 0, c * sizeof *here);
            continue;
        }
        int owned = u->sum && own_row && x >= own_left && x < own_right;
        int64_t end = owned ? own_right : x < own_left && own_left < right ? own_left : right;
        while (next < end && u->column_of[next] == column + next - x)
            next++;
        int64_t i = (source_row * u->width + column) * c, count = (next - x) * c;
        float *sum = owned ? u->sum + i : NULL;
        if (u->type == FLOAT32)
            NAME(read)(u, w, FLOAT32, i, count, here, sum);
        else if (u->type == UINT8)
            NAME(read)(u, w, UINT8, i, count, here, sum);
        else if (u->type == BFLOAT16)
            NAME(read)(u, w, BFLOAT16, i, count, here, sum);
        else
            NAME(read)(u, w, FLOAT16, i, count, here, sum);
    }
}

/* The product of the input of each of `pixels` pixels and the weights, `vectors` vectors wide, plus the bias, or plus
   what `out` holds if that is NULL. */
INLINE void NAME(product)(const int vectors, const int pixels, const float *const *rows, int64_t row_count,
                          int64_t length, int64_t step, const float *weight, const float *bias, float *out,
                          int64_t out_step)
{
    vec sum[2 * TILE][VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[p][v] = *(const vec *)(bias ? bias + v * LANES : out + p * out_step + v * LANES);
    for (int64_t r = 0; r < row_count; r++) {
        const float *in = rows[r];
        for (int64_t t = 0; t < length; t++, weight += vectors * LANES) {
            vec k[VECTORS];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                k[v] = *(const vec *)(weight + v * LANES);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; p++) {
                float x = in[p * step + t];
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++)
                    sum[p][v] += x * k[v];
            }
        }
    }
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            *(vec *)(out + p * out_step + v * LANES) = sum[p][v];
}

/* The same for `count` pixels. */
INLINE void NAME(products)(const int vectors, int64_t count, const float *const *rows, int64_t row_count,
                           int64_t length, int64_t step, const float *weight, const float *bias, float *out,
                           int64_t out_step)
{
    const float *in[16];
    int64_t x = 0;
#define STRETCH(pixels)                                                                                                \
    for (; x + (pixels) <= count; x += (pixels)) {                                                                     \
        for (int64_t r = 0; r < row_count; r++)                                                                        \
            in[r] = rows[r] + x * step;                                                                                \
        NAME(product)(vectors, pixels, in, row_count, length, step, weight, bias, out + x * out_step, out_step);       \
    }
    STRETCH(PIXELS(vectors))
    STRETCH(PIXELS(vectors) / 2)
    STRETCH(1)
#undef STRETCH
}

/* The same, of as many vectors as `vectors` says. */
TARGET static void NAME(multiply)(int64_t vectors, int64_t count, const float *const *rows, int64_t row_count,
                                  int64_t length, int64_t step, const float *weight, const float *bias, float *out,
                                  int64_t out_step)
{
    switch (vectors) {
    case 1: NAME(products)(1, count, rows, row_count, length, step, weight, bias, out, out_step); break;
    case 2: NAME(products)(2, count, rows, row_count, length, step, weight, bias, out, out_step); break;
    case 3: NAME(products)(3, count, rows, row_count, length, step, weight, bias, out, out_step); break;
#if VECTORS > 3
    case 4: NAME(products)(4, count, rows, row_count, length, step, weight, bias, out, out_step); break;
#endif
    }
}

/* One row of a phase's output, before `write`: `count` pixels from the ring's rows on. */
TARGET static void NAME(convolve)(const Unit *u, const Work *w, const Phase *phase, int64_t y, int64_t count)
{
    int64_t width = w->vectors * LANES, length = phase->columns * u->channels, step = u->stride_columns * u->channels;
    const float *weight = phase->weight;
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t first = w->vectors * b / w->blocks, vectors = w->vectors * (b + 1) / w->blocks - first;
        /* As many kernel rows at a time as leave their weights in the first-level cache. */
        int64_t most = 8192 / (length * vectors * LANES);
        most = most < 1 ? 1 : most > 16 ? 16 : most;
        for (int64_t r = 0, some; r < phase->rows; r += some, weight += some * length * vectors * LANES) {
            some = phase->rows - r < most ? phase->rows - r : most;
            const float *rows[16];
            for (int64_t i = 0; i < some; i++)
                rows[i] = w->input + (y * u->stride_rows + phase->row + r + i) % w->span_rows * w->slot +
                          phase->column * u->channels;
            const float *bias = r ? NULL : u->bias + first * LANES;
            float *out = w->output + first * LANES;
            NAME(multiply)(vectors, count, rows, some, length, step, weight, bias, out, width);
        }
    }
}

/* What Winograd's algorithm makes of four values of a row or column of input. */
INLINE void NAME(transform)(vec a, vec b, vec c, vec d, vec *to)
{
    to[0] = a - c, to[1] = b + c, to[2] = c - b, to[3] = b - d;
}

/* Two rows of output by Winograd's algorithm F(2 x 2, 3 x 3): of each square of 4 x 4 input pixels sixteen sums, which
   are multiplied by sixteen sums of the weights and added up to the square of 2 x 2 output pixels in its middle. That
   takes 16 multiplications instead of 36. Lavin and Gray 2016, "Fast algorithms for convolutional neural networks". */
TARGET static void NAME(convolve_squares)(const Unit *u, const Work *w, int64_t y, int64_t count)
{
    int64_t c = u->channels, width = w->vectors * LANES;
    const float *rows[4];
    for (int64_t i = 0; i < 4; i++)
        rows[i] = w->input + (2 * y + i) % 4 * w->slot;
    for (int64_t k = 0; k < c; k += LANES) {
        vec column[4][4]; /* of the square, transformed */
#define COLUMN(at, x)                                                                                                  \
    NAME(transform)(*(const vec *)(rows[0] + (x) * c + k), *(const vec *)(rows[1] + (x) * c + k),                      \
                    *(const vec *)(rows[2] + (x) * c + k), *(const vec *)(rows[3] + (x) * c + k), column[at]);
        COLUMN(0, 0)
        COLUMN(1, 1)
        for (int64_t x = 0; x < count; x++) {
            COLUMN(2, 2 * x + 2)
            COLUMN(3, 2 * x + 3)
            float *to = w->squares + x * c + k;
#pragma GCC unroll 8
            for (int i = 0; i < 4; i++) {
                vec row[4];
                NAME(transform)(column[0][i], column[1][i], column[2][i], column[3][i], row);
#pragma GCC unroll 8
                for (int j = 0; j < 4; j++)
                    *(vec *)(to + (4 * i + j) * w->square_plane) = row[j];
                column[0][i] = column[2][i], column[1][i] = column[3][i];
            }
        }
#undef COLUMN
    }
    static const float none[VECTORS * LANES];
    const float *weight = u->phases->weight;
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t first = w->vectors * b / w->blocks, vectors = w->vectors * (b + 1) / w->blocks - first;
        for (int64_t i = 0; i < 16; i++, weight += c * vectors * LANES) {
            const float *in = w->squares + i * w->square_plane;
            float *out = w->products + i * w->product_plane;
            NAME(multiply)(vectors, count, &in, 1, c, c, weight, none, out, vectors * LANES);
        }
        for (int64_t x = 0; x < count; x++)
            for (int64_t v = 0; v < vectors; v++) {
                const float *in = w->products + (x * vectors + v) * LANES;
                float *out = w->output + 2 * x * width + (first + v) * LANES;
                vec upper[4], lower[4], bias = *(const vec *)(u->bias + (first + v) * LANES);
#pragma GCC unroll 8
                for (int j = 0; j < 4; j++) {
                    vec m[4];
#pragma GCC unroll 8
                    for (int i = 0; i < 4; i++)
                        m[i] = *(const vec *)(in + (4 * i + j) * w->product_plane);
                    upper[j] = m[0] + m[1] + m[2], lower[j] = m[1] - m[2] - m[3];
                }
                *(vec *)out = upper[0] + upper[1] + upper[2] + bias;
                *(vec *)(out + width) = upper[1] - upper[2] - upper[3] + bias;
                *(vec *)(out + w->output_row) = lower[0] + lower[1] + lower[2] + bias;
                *(vec *)(out + w->output_row + width) = lower[1] - lower[2] - lower[3] + bias;
            }
    }
}

/* Adds the sums and the sums of squares of a row of output to the run's, in double precision. */
TARGET static void NAME(total)(const Work *w, const float *output, int64_t count)
{
    int64_t width = w->vectors * LANES;
    for (int64_t c = 0; c < width; c += LANES / 2) {
        const float *in = output + c;
        doubles *sum = (doubles *)(w->totals + c), *square = (doubles *)(w->totals + width + c);
        doubles s = *sum, q = *square, s1 = {0}, q1 = {0};
        for (int64_t x = 0; x + 1 < count; x += 2, in += 2 * width) {
            doubles a = __builtin_convertvector(*(const half *)in, doubles);
            doubles b = __builtin_convertvector(*(const half *)(in + width), doubles);
            s += a, q += a * a, s1 += b, q1 += b * b;
        }
        if (count % 2) {
            doubles a = __builtin_convertvector(*(const half *)in, doubles);
            s += a, q += a * a;
        }
        *sum = s + s1, *square = q + q1;
    }
}

/* A row of output to its places in the target, every `apart` pixels. */
TARGET static void NAME(write)(const Unit *u, const Work *w, const float *in, int64_t row, int64_t left, int64_t apart,
                               int64_t count)
{
    const int type = u->target_type;
    int64_t c = u->outputs, i = ((row - u->target_top) * u->target_width + left) * c;
    for (int64_t x = 0; x < count; x++, i += apart * c, in += w->vectors * LANES) {
        int64_t k = 0;
        for (; k + LANES <= c; k += LANES)
            NAME(store)(u->target, type, i + k, *(const vec *)(in + k));
        if (k < c && c >= LANES)
            NAME(store)(u->target, type, i + c - LANES, *(const vec *)(in + c - LANES));
        else
            for (; k < c; k++)
                NAME(put)(u->target, type, i + k, in[k]);
    }
}

/* gain * tanh(x) + offset; tanh(x) = 1 - 2 / (exp(2 x) + 1), to 2e-7. */
INLINE float NAME(bounded)(float x, float gain, float offset)
{
    const float rounding = 0x1.8p23f;
    x = x > 9 ? 9 : x < -9 ? -9 : x;
    float y = x * 2.8853900817779268f; /* 2 / ln 2 */
    float whole = (y + rounding) - rounding, z = (y - whole) * 0.6931471805599453f;
    float power = 1 + z * (1 + z * (1 / 2.f + z * (1 / 6.f + z * (1 / 24.f + z * (1 / 120.f + z / 720)))));
    int32_t exponent = ((int32_t)whole + 127) << 23;
    float scale;
    memcpy(&scale, &exponent, 4);
    return gain * (1 - 2 / (power * scale + 1)) + offset;
}

/* A row of folded output: the kernel's columns lie side by side in the channels, those of pixel x at x, x + 1, ... */
TARGET static void NAME(write_folded)(const Unit *u, const Work *w, int64_t row, int64_t left, int64_t count)
{
    int64_t width = w->vectors * LANES, c = COLORS;
    float *line = w->line;
    for (int64_t x = 0; x < count; x++) {
        const float *in = w->output + x * width;
        quad sum = {0};
        for (int64_t f = 0; f < u->fold; f++)
            sum += *(const quad *)(in + f * (width + c));
        *(quad *)(line + x * c) = sum; /* the next pixel takes the place of the fourth value */
    }
    for (int64_t i = 0; i < count * c; i++)
        line[i] = NAME(bounded)(line[i], u->gain, u->offset);
    int64_t i = ((row - u->target_top) * u->target_width + left) * c;
    if (u->target_type == FLOAT32) {
        memcpy((float *)u->target + i, line, count * c * sizeof(float));
        return;
    }
    uint8_t *to = (uint8_t *)u->target + i;
    for (int64_t j = 0; j < count * c; j++) {
        float x = line[j] < 0 ? 0 : line[j] > 255 ? 255 : line[j];
        to[j] = (uint8_t)(int32_t)((x + 0x1.8p23f) - 0x1.8p23f);
    }
}

/* What becomes of a row of output. */
TARGET static void NAME(finish)(const Unit *u, const Work *w, const float *output, int64_t row, int64_t left,
                                int64_t apart, int64_t count, const void *totals)
{
    if (totals)
        NAME(total)(w, output, count);
    if (u->fold)
        NAME(write_folded)(u, w, row, left, count);
    else if (u->target_type != NOTHING)
        NAME(write)(u, w, output, row, left, apart, count);
}

static int64_t NAME(common)(int64_t a, int64_t b) { return b ? NAME(common)(b, a % b) : a; }

/* Scale and shift, repeated. */
static void NAME(prepare)(const Unit *u, Work *w)
{
    for (int64_t i = 0; i < w->pattern; i++) {
        w->scale[i] = u->scale ? u->scale[i % u->channels] : 1;
        w->shift[i] = u->shift ? u->shift[i % u->channels] : 0;
    }
}

/* Rows of steps from `first` to `last`. `totals`, if not NULL, gets each output channel's sum and then each one's sum
   of squares, both padded to whole vectors. Returns 0, or -1 where there is no memory. */
TARGET static int NAME(run)(const void *unit, int64_t first, int64_t last, void *totals)
{
    const Unit *u = unit;
    Work w = {0};
    int64_t c = u->channels, steps = u->fold ? u->target_width : (u->target_width + u->up_columns - 1) / u->up_columns;
    int64_t extra = u->fold ? u->fold - 1 : 0; /* pixels of output beyond the last that the fold meets */
    w.vectors = (u->outputs + LANES - 1) / LANES;
    w.blocks = (w.vectors + VECTORS - 1) / VECTORS;
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        w.span_rows = p->row + p->rows > w.span_rows ? p->row + p->rows : w.span_rows;
        w.span_columns = p->column + p->columns > w.span_columns ? p->column + p->columns : w.span_columns;
    }
    /* As many columns as keep what follows of them in the second-level cache. */
    int64_t a_column = w.vectors * LANES + w.span_rows * u->stride_columns * c;
    int64_t block = (w.vectors + w.blocks - 1) / w.blocks * LANES;
    if (u->winograd)
        a_column += 3 * w.vectors * LANES + 16 * (c + block);
    int64_t pixels = PIXELS(block / LANES);
    w.columns = 131072 / a_column < 4 * TILE ? 4 * TILE : 131072 / a_column / pixels * pixels;
    w.columns = w.columns < steps ? w.columns : steps;
    w.pattern = c / NAME(common)(c, LANES) * LANES;
    w.slot = LINES(((w.columns + extra - 1) * u->stride_columns + w.span_columns) * c);
    int64_t ring = w.span_rows * w.slot;
    w.output_row = LINES((u->winograd ? 2 * w.columns : w.columns + extra) * w.vectors * LANES + LANES);
    /* One more line, or the planes' vectors would contend for the same places in the cache. */
    w.square_plane = u->winograd ? LINES(w.columns * c) + 16 : 0;
    w.product_plane = u->winograd ? LINES(w.columns * block) + 16 : 0;
    int64_t row = u->winograd ? 2 * w.output_row : w.output_row, planes = 16 * (w.square_plane + w.product_plane);
    int64_t spare = u->fold ? LINES(w.columns * COLORS + LANES) : 0, totals_size = LINES(4 * w.vectors * LANES);
    float *memory = aligned_alloc(64, 4 * (totals_size + 2 * LINES(w.pattern) + ring + row + spare + planes));
    if (!memory)
        return -1;
    w.totals = (double *)memory;
    w.scale = memory + totals_size;
    w.shift = w.scale + LINES(w.pattern);
    NAME(prepare)(u, &w);
    w.input = w.shift + LINES(w.pattern);
    w.output = w.input + ring;
    w.line = w.output + row;
    w.squares = w.line + spare;
    w.products = w.squares + 16 * w.square_plane;
    memset(w.totals, 0, 2 * w.vectors * LANES * sizeof(double));

    int64_t own_bottom = last * u->up_rows < u->target_rows ? last * u->up_rows : u->target_rows;
    for (int64_t left = 0; left < steps; left += w.columns) {
        int64_t columns = steps - left < w.columns ? steps - left : w.columns;
        int64_t in_left = left * u->stride_columns;
        int64_t in_right = in_left + (columns + extra - 1) * u->stride_columns + w.span_columns;
        int64_t end = (left + columns) * u->up_columns;
        end = end < u->target_width ? end : u->target_width;
        int64_t own_left = left * u->up_columns + u->margin_left, own_right = end + u->margin_left;
        int64_t packed = first * u->stride_rows; /* rows before this one are in the ring or no longer needed */
        for (int64_t y = first; y < last; y++) {
            int64_t needed = y * u->stride_rows;
            packed = packed < needed ? needed : packed;
            for (; packed < needed + w.span_rows; packed++) {
                int64_t output_row = packed - u->margin_top;
                int own_row = output_row >= first * u->up_rows && output_row < own_bottom;
                NAME(pack)(u, &w, packed, in_left, in_right, own_row, own_left, own_right,
                           w.input + packed % w.span_rows * w.slot);
            }
            if (u->winograd) {
                NAME(convolve_squares)(u, &w, y, columns);
                for (int64_t row = 2 * y; row < 2 * y + 2 && row < u->target_rows; row++)
                    NAME(finish)(u, &w, w.output + row % 2 * w.output_row, row, 2 * left, 1, end - 2 * left, totals);
                continue;
            }
            for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
                int64_t row = y * u->up_rows + p->top, column = left * u->up_columns + p->left;
                if (row >= u->target_rows || column >= end)
                    continue;
                int64_t count = (end - column + u->up_columns - 1) / u->up_columns;
                NAME(convolve)(u, &w, p, y, count + extra);
                NAME(finish)(u, &w, w.output, row, column, u->up_columns, count, totals);
            }
        }
    }
    if (totals)
        memcpy(totals, w.totals, 2 * w.vectors * LANES * sizeof(double));
    free(memory);
    return 0;
}

/* Rows of the source from `first` to `last`, as `read` says, to the target in fp16 or fp32. */
TARGET static int NAME(settle)(const void *unit, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Unit *u = unit;
    Work w = {0};
    int64_t values = u->width * u->channels;
    w.pattern = u->channels / NAME(common)(u->channels, LANES) * LANES;
    w.scale = malloc((2 * w.pattern + values) * sizeof(float));
    if (!w.scale)
        return -1;
    w.shift = w.scale + w.pattern;
    NAME(prepare)(u, &w);
    float *line = w.shift + w.pattern;
    for (int64_t y = first; y < last; y++) {
        if (u->type == FLOAT16)
            NAME(read)(u, &w, FLOAT16, y * values, values, line, NULL);
        else
            NAME(read)(u, &w, FLOAT32, y * values, values, line, NULL);
        if (u->target_type == FLOAT32) {
            memcpy((float *)u->target + y * values, line, values * sizeof(float));
            continue;
        }
        int64_t i = 0;
        for (; i + LANES <= values; i += LANES)
            NAME(store)(u->target, FLOAT16, y * values + i, *(const vec *)(line + i));
        for (; i < values; i++)
            ((uint16_t *)u->target)[y * values + i] = NAME(to_half)(line[i]);
    }
    free(w.scale);
    return 0;
}

/* Adds to `taps` rows of `sums`, `vectors` vectors wide, the products of each one's input and the gradient. */
INLINE void NAME(correlate)(const int vectors, const int taps, const float *in, int64_t step, const float *gradient,
                            int64_t width, int64_t count, float *sums)
{
    vec sum[TILE][VECTORS];
#pragma GCC unroll 8
    for (int t = 0; t < taps; t++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            sum[t][v] = *(const vec *)(sums + t * width + v * LANES);
    for (int64_t x = 0; x < count; x++, in += step, gradient += width) {
        vec g[VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            g[v] = *(const vec *)(gradient + v * LANES);
#pragma GCC unroll 8
        for (int t = 0; t < taps; t++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                sum[t][v] += in[t] * g[v];
    }
#pragma GCC unroll 8
    for (int t = 0; t < taps; t++)
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            *(vec *)(sums + t * width + v * LANES) = sum[t][v];
}

/* Rows of steps from `first` to `last`, added to `sums` (kernel_rows, kernel_columns * channels, outputs padded to
   whole vectors). */
TARGET static int NAME(weight_gradient)(const void *what, int64_t first, int64_t last, void *sums)
{
    const WeightGradient *g = what;
    int64_t c = g->channels, vectors = (g->outputs + LANES - 1) / LANES, width = vectors * LANES;
    int64_t columns = (g->steps_width - 1) * g->stride_columns + g->kernel_columns, length = g->kernel_columns * c;
    float *memory = aligned_alloc(64, 4 * (LINES(columns * c) + LINES(g->steps_width * width)));
    if (!memory)
        return -1;
    float *gradient = memory, *line = memory + LINES(g->steps_width * width);
    memset(gradient, 0, 4 * g->steps_width * width);
    for (int64_t y = first; y < last; y++) {
        const float *from = (const float *)g->gradient + y * g->steps_width * g->outputs;
        int64_t image = y / g->steps_height, top = y % g->steps_height * g->stride_rows;
        const float *input = (const float *)g->input + image * g->height * g->width * c;
        for (int64_t x = 0; x < g->steps_width; x++)
            memcpy(gradient + x * width, from + x * g->outputs, 4 * g->outputs);
        for (int64_t r = 0; r < g->kernel_rows; r++) {
            int64_t row = g->row_of[top + r];
            if (row < 0)
                continue;
            for (int64_t x = 0; x < columns; x++) {
                int64_t column = g->column_of[x];
                if (column < 0)
                    memset(line + x * c, 0, 4 * c);
                else
                    memcpy(line + x * c, input + (row * g->width + column) * c, 4 * c);
            }
            float *out = (float *)sums + r * length * width;
            int64_t step = g->stride_columns * c, count = g->steps_width, t = 0;
            for (int64_t v = 0, some; v < vectors; v += some) {
                some = vectors - v < VECTORS ? vectors - v : VECTORS;
                const float *by = gradient + v * LANES;
                float *to = out + v * LANES;
#define STRETCH(vectors, taps)                                                                                         \
    for (; t + (taps) <= length; t += (taps))                                                                          \
        NAME(correlate)(vectors, taps, line + t, step, by, width, count, to + t * width);
                t = 0;
                switch (some) {
                case 1: STRETCH(1, TILE) STRETCH(1, 1) break;
                case 2: STRETCH(2, TILE) STRETCH(2, 1) break;
                case 3: STRETCH(3, TILE) STRETCH(3, 1) break;
#if VECTORS > 3
                case 4: STRETCH(4, TILE) STRETCH(4, 1) break;
#endif
                }
#undef STRETCH
            }
        }
    }
    free(memory);
    return 0;
}

/* What a Normalization has for each channel, repeated to whole vectors: `pattern` values of each. */
#define Channels NAME(Channels)
typedef struct {
    int64_t pattern, stretch; /* values that are done at a time */
    float *centre, *scale, *shift, *factor, *mask_scale, *mask_shift;
} Channels;

/* Returns 0, or -1 where there is no memory. `centre` is what to free. */
static int NAME(repeat)(const Normalization *n, Channels *at)
{
    const float *from[] = {n->centre, n->scale, n->shift, n->factor, n->mask_scale, n->mask_shift};
    float **to[] = {&at->centre, &at->scale, &at->shift, &at->factor, &at->mask_scale, &at->mask_shift};
    at->pattern = n->channels / NAME(common)(n->channels, LANES) * LANES;
    /* 4,096 values, after which sums in fp32 are brought to double precision, lie in the first-level cache. */
    at->stretch = at->pattern > 4096 ? at->pattern : 4096 / at->pattern * at->pattern;
    float *memory = aligned_alloc(64, 4 * 6 * LINES(at->pattern));
    if (!memory)
        return -1;
    for (int a = 0; a < 6; a++, memory += LINES(at->pattern)) {
        *to[a] = memory;
        for (int64_t i = 0; i < at->pattern; i++)
            memory[i] = from[a] ? from[a][i % n->channels] : 0;
    }
    return 0;
}

/* The vector of `other` at value i, where x without its centre is `x`, of channels at k. What is no number stays so. */
INLINE vec NAME(other)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t k, vec x)
{
    vec y = NAME(load)(n->other, type, i);
    if (n->mask_scale)
        y = (vec)((mask)y & ~(mask)(x * *(vec *)(at->mask_scale + k) + *(vec *)(at->mask_shift + k) <= 0));
    return y;
}

INLINE float NAME(other_value)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t k, float x)
{
    return n->mask_scale && x * at->mask_scale[k] + at->mask_shift[k] <= 0 ? 0 : NAME(value)(n->other, type, i);
}

/* Adds to `sums` each channel's sum of `other` and that of its products with x - centre. Without `other`, x - centre
   takes its place. */
INLINE void NAME(add_moments)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t count,
                              double *sums)
{
    int64_t c = n->channels;
    for (int64_t k = 0; k < at->pattern; k += LANES) {
        vec sum = {0}, product = {0}, centre = *(vec *)(at->centre + k);
        for (int64_t j = k; j + LANES <= count; j += at->pattern) {
            vec x = NAME(load)(n->x, type, i + j) - centre;
            vec other = n->other ? NAME(other)(n, at, type, i + j, k, x) : x;
            sum += other, product += other * x;
        }
        for (int l = 0; l < LANES; l++)
            sums[(k + l) % c] += sum[l], sums[c + (k + l) % c] += product[l];
    }
    for (int64_t j = count / LANES * LANES; j < count; j++) {
        int64_t k = j % c;
        float x = NAME(value)(n->x, type, i + j) - at->centre[k];
        float other = n->other ? NAME(other_value)(n, at, type, i + j, k, x) : x;
        sums[k] += other, sums[c + k] += other * x;
    }
}

/* Adds to `sums` (2, channels), in double precision, what rows from `first` to `last` give. */
TARGET static int NAME(moments)(const void *what, int64_t first, int64_t last, void *sums)
{
    const Normalization *n = what;
    Channels at;
    if (NAME(repeat)(n, &at))
        return -1;
    int64_t end = last * n->width * n->channels;
    for (int64_t i = first * n->width * n->channels; i < end; i += at.stretch) {
        int64_t count = end - i < at.stretch ? end - i : at.stretch;
        if (n->type == BFLOAT16)
            NAME(add_moments)(n, &at, BFLOAT16, i, count, sums);
        else
            NAME(add_moments)(n, &at, FLOAT32, i, count, sums);
    }
    free(at.centre);
    return 0;
}

INLINE void NAME(normalize_values)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t count)
{
    for (int64_t k = 0; k < at->pattern; k += LANES) {
        vec scale = *(vec *)(at->scale + k), shift = *(vec *)(at->shift + k), factor = *(vec *)(at->factor + k);
        vec centre = *(vec *)(at->centre + k);
        for (int64_t j = k; j + LANES <= count; j += at->pattern) {
            vec x = NAME(load)(n->x, type, i + j) - centre, y = x * scale + shift;
            if (n->other)
                y += NAME(other)(n, at, type, i + j, k, x) * factor;
            NAME(store)(n->target, type, i + j, n->relu ? (vec)((mask)y & ~(mask)(y <= 0)) : y);
        }
    }
    for (int64_t j = count / LANES * LANES; j < count; j++) {
        int64_t k = j % n->channels;
        float x = NAME(value)(n->x, type, i + j) - at->centre[k], y = x * at->scale[k] + at->shift[k];
        if (n->other)
            y += NAME(other_value)(n, at, type, i + j, k, x) * at->factor[k];
        NAME(put)(n->target, type, i + j, n->relu && y <= 0 ? 0 : y);
    }
}

/* The target's rows from `first` to `last`. */
TARGET static int NAME(normalize)(const void *what, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Normalization *n = what;
    Channels at;
    if (NAME(repeat)(n, &at))
        return -1;
    int64_t end = last * n->width * n->channels;
    for (int64_t i = first * n->width * n->channels; i < end; i += at.stretch) {
        int64_t count = end - i < at.stretch ? end - i : at.stretch;
        if (n->type == BFLOAT16)
            NAME(normalize_values)(n, &at, BFLOAT16, i, count);
        else
            NAME(normalize_values)(n, &at, FLOAT32, i, count);
    }
    free(at.centre);
    return 0;
}

#undef JOINED
#undef NAMED
#undef NAME
#undef PIXELS
#undef COLORS
#undef LINES
#undef INLINE
#undef vec
#undef half
#undef doubles
#undef mask
#undef bits
#undef quad
#undef Work
#undef Channels
#undef INSTRUCTIONS
#undef TARGET
#undef LANES
#undef VECTORS
#undef TILE
#undef FROM_HALVES
#undef TO_HALVES
