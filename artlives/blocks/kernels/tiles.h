/* Convolution and its weights' gradient in bf16 by AMX, whose tile registers multiply matrices of 16 rows: for
   training, on processors that have it. Sums are in fp32, results are rounded to bf16 once.

   A tile register holds 16 rows of 64 bytes. One instruction adds to 16 x 16 sums in fp32 the product of 16 x 32
   values, row by row, and 32 x 16, which lie in pairs: [16 pairs of rows][16 columns][2]. Intel 2023, "Intel 64 and
   IA-32 architectures software developer's manual", volume 1, chapter 18. */

#include <sys/syscall.h>
#include <unistd.h>

#define TILED __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,amx-tile,amx-bf16")))
#define SIDE 16  /* rows of a tile, and its values in fp32 */
#define DEPTH 32 /* values of bf16 in a row of a tile */
#define UP(n, unit) (((n) + (unit) - 1) / (unit) * (unit))

/* All eight tile registers have 16 rows of 64 bytes. */
TILED static void tiles_begin(void)
{
    struct {
        uint8_t palette, start, none[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = {1, 0, {0}, {0}, {0}};
    for (int i = 0; i < 8; i++)
        shape.bytes[i] = 64, shape.rows[i] = SIDE;
    _tile_loadconfig(&shape);
}

/* Whether this processor has AMX for bf16, and the kernel lets this process use it. */
static int has_tiles(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) /* amx-bf16, amx-tile */
        return 0;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1)) /* avx512-bf16 */
        return 0;
    const long request = 0x1023, tile_data = 18; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA of Linux */
    return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

/* Row `row` of the padded input, `columns` pixels, to `to`. */
TILED static void copy_row(const uint16_t *source, int64_t width, int64_t c, const int64_t *row_of,
                           const int64_t *column_of, int64_t row, int64_t columns, uint16_t *to)
{
    int64_t source_row = row_of[row];
    for (int64_t x = 0, next; x < columns; x = next) {
        int64_t column = column_of[x];
        next = x + 1;
        if (source_row < 0 || column < 0) {
            memset(to + x * c, 0, 2 * c);
            continue;
        }
        while (next < columns && column_of[next] == column + next - x)
            next++;
        memcpy(to + x * c, source + (source_row * width + column) * c, 2 * (next - x) * c);
    }
}

/* m x n tiles of sums, m and n 1 or 2: tile i, j is register 2 * i + j. */
#define FOR_TILES(m, n, ACTION)                                                                                        \
    ACTION(0, 0, 0);                                                                                                   \
    if ((n) > 1)                                                                                                       \
        ACTION(1, 0, 1);                                                                                               \
    if ((m) > 1)                                                                                                       \
        ACTION(2, 1, 0);                                                                                               \
    if ((m) > 1 && (n) > 1)                                                                                            \
        ACTION(3, 1, 1);

/* Adds to m x n tiles of sums what two rows of tiles of a and two columns of tiles of b give; the strides in bytes. */
#define MULTIPLY(m, n, a, a_next, a_stride, b, b_next, b_stride)                                                       \
    do {                                                                                                               \
        _tile_loadd(4, a, a_stride);                                                                                   \
        if ((m) > 1)                                                                                                   \
            _tile_loadd(5, (a) + (a_next), a_stride);                                                                  \
        _tile_loadd(6, b, b_stride);                                                                                   \
        if ((n) > 1)                                                                                                   \
            _tile_loadd(7, (b) + (b_next), b_stride);                                                                  \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        if ((n) > 1)                                                                                                   \
            _tile_dpbf16ps(1, 4, 7);                                                                                   \
        if ((m) > 1)                                                                                                   \
            _tile_dpbf16ps(2, 5, 6);                                                                                   \
        if ((m) > 1 && (n) > 1)                                                                                        \
            _tile_dpbf16ps(3, 5, 7);                                                                                   \
    } while (0)

/* The compiler does not know that tile instructions read memory. */
#define WRITTEN() __asm__ volatile("" ::: "memory")

/* The products of 16 * m pixels' input, `step` values apart, and n tiles of weights: 16 * n of a row's `width` sums. */
TILED static inline __attribute__((always_inline)) void tiles_product(
    const int m, const int n, const uint16_t *const *rows, int64_t row_count, int64_t depth, int64_t step,
    const uint16_t *weight, float *out, int64_t width)
{
    int64_t next_weight = row_count * depth * SIDE;
#define ZERO(tile, i, j) _tile_zero(tile)
    FOR_TILES(m, n, ZERO)
#undef ZERO
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t k = 0; k < depth; k += DEPTH, weight += DEPTH * SIDE)
            MULTIPLY(m, n, rows[r] + k, SIDE * step, 2 * step, weight, next_weight, 64);
#define STORE(tile, i, j) _tile_stored(tile, out + (i) * SIDE * width + (j) * SIDE, 4 * width)
    FOR_TILES(m, n, STORE)
#undef STORE
}

#define MOST_ROWS 64 /* of a kernel */

/* One row of a phase's output, in fp32 and without the bias: `count` pixels, rounded up to whole tiles. */
TILED static void convolve_tiles(const Phase *phase, const uint16_t *const *rows, int64_t channels, int64_t step,
                                 int64_t width, int64_t count, float *out)
{
    const uint16_t *in[MOST_ROWS], *weight = phase->weight;
    int64_t depth = UP(phase->columns * channels, DEPTH), tile = phase->rows * depth * SIDE;
    WRITTEN();
    for (int64_t o = 0; o < width; o += 2 * SIDE, weight += 2 * tile)
        for (int64_t x = 0; x < count; x += 2 * SIDE) {
            for (int64_t r = 0; r < phase->rows; r++)
                in[r] = rows[r] + x * step;
            float *to = out + x * width + o;
            int two = count - x > SIDE;
            if (width - o > SIDE) {
                if (two)
                    tiles_product(2, 2, in, phase->rows, depth, step, weight, to, width);
                else
                    tiles_product(1, 2, in, phase->rows, depth, step, weight, to, width);
            } else if (two)
                tiles_product(2, 1, in, phase->rows, depth, step, weight, to, width);
            else
                tiles_product(1, 1, in, phase->rows, depth, step, weight, to, width);
        }
}

/* `count` rows of sums plus the bias to every `apart`-th pixel of the target. */
TILED static void write_tiles(const float *in, int64_t width, const float *bias, int64_t c, int64_t apart,
                              int64_t count, uint16_t *to)
{
    for (int64_t x = 0; x < count; x++, in += width, to += apart * c)
        for (int64_t k = 0; k < c; k += SIDE) {
            __mmask16 mask = c - k < SIDE ? (1 << (c - k)) - 1 : -1;
            __m512 y = _mm512_add_ps(_mm512_load_ps(in + k), _mm512_loadu_ps(bias + k));
            _mm256_mask_storeu_epi16(to + k, mask, (__m256i)_mm512_cvtneps_pbh(y));
        }
}

/* A `Unit` that reads and writes bf16, without anything that surrounds the convolution. A phase's weights are
   [output / 16][row][depth / 32][16][16][2], the depth being columns * channels and zeros to a multiple of 32. */
TILED static int run_tiles(const void *unit, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Unit *u = unit;
    int64_t c = u->channels, width = UP(u->outputs, SIDE), step = u->stride_columns * c;
    int64_t steps = (u->target_width + u->up_columns - 1) / u->up_columns;
    int64_t span_rows = 0, span_columns = 0, slot = 0;
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        /* Tiles reach beyond the last pixel and beyond the kernel's row. What they find there is multiplied by zeros
           or left out. */
        int64_t end = (UP(steps, SIDE) - 1) * step + p->column * c + UP(p->columns * c, DEPTH);
        slot = end > slot ? end : slot;
        span_rows = p->row + p->rows > span_rows ? p->row + p->rows : span_rows;
        span_columns = p->column + p->columns > span_columns ? p->column + p->columns : span_columns;
        if (p->rows > MOST_ROWS)
            return -1;
    }
    slot = UP(slot, DEPTH);
    int64_t columns = (steps - 1) * u->stride_columns + span_columns, out_size = UP(steps, SIDE) * width;
    float *out = aligned_alloc(64, 4 * out_size + 2 * span_rows * slot);
    if (!out)
        return -1;
    uint16_t *ring = (uint16_t *)(out + out_size);
    memset(ring, 0, 2 * span_rows * slot);
    tiles_begin();
    int64_t packed = first * u->stride_rows; /* rows before this one are in the ring or no longer needed */
    for (int64_t y = first; y < last; y++) {
        int64_t needed = y * u->stride_rows;
        packed = packed < needed ? needed : packed;
        for (; packed < needed + span_rows; packed++)
            copy_row(u->source, u->width, c, u->row_of, u->column_of, packed, columns,
                     ring + packed % span_rows * slot);
        for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
            int64_t row = y * u->up_rows + p->top;
            if (row >= u->target_rows || p->left >= u->target_width)
                continue;
            const uint16_t *rows[MOST_ROWS];
            for (int64_t r = 0; r < p->rows; r++)
                rows[r] = ring + (needed + p->row + r) % span_rows * slot + p->column * c;
            int64_t count = (u->target_width - p->left + u->up_columns - 1) / u->up_columns;
            convolve_tiles(p, rows, c, step, width, count, out);
            write_tiles(out, width, u->bias, u->outputs, u->up_columns, count,
                        (uint16_t *)u->target + (row * u->target_width + p->left) * u->outputs);
        }
    }
    _tile_release();
    free(out);
    return 0;
}

/* Value m of pixel x, in[x * step + m], to to[m * pitch + x], for `values` values, rounded up to pairs, and `pixels`
   pixels, a multiple of 16. */
TILED static void transpose(const uint16_t *in, int64_t step, int64_t values, int64_t pixels, uint16_t *to,
                            int64_t pitch)
{
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i apart = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)step));
    for (int64_t x = 0; x < pixels; x += SIDE)
        for (int64_t m = 0; m < values; m += 2) {
            __m512i pairs = _mm512_i32gather_epi32(apart, in + x * step + m, 2);
            uint16_t *first = to + m * pitch + x;
            _mm256_storeu_si256((__m256i *)first, _mm512_cvtepi32_epi16(pairs));
            _mm256_storeu_si256((__m256i *)(first + pitch), _mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16)));
        }
}

/* Rows of `width` values, a multiple of 16, of which `c` are in `in`: [pair of pixels][value][2]. */
TILED static void interleave(const uint16_t *in, int64_t c, int64_t pixels, uint16_t *to, int64_t width)
{
    for (int64_t x = 0; x < pixels; x += 2, in += 2 * c, to += 2 * width)
        for (int64_t k = 0; k < c; k += SIDE) {
            __mmask16 mask = c - k < SIDE ? (1 << (c - k)) - 1 : -1;
            __m512i pairs = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in + k));
            if (x + 1 < pixels) {
                __m512i next = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in + c + k));
                pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(next, 16));
            }
            _mm512_storeu_si512(to + 2 * k, pairs);
        }
}

/* Rows of a piece that are prepared at a time. */
typedef struct {
    int64_t rows, input_step, gradient_step; /* values from one step's row to the next */
    int64_t pixels, pitch, width;            /* of a row; values from one of the input's channels to the next */
} Rows;

/* Adds to m x n tiles of `sums` the products of 16 * m of the input's values and 16 * n of the gradient's. */
TILED static inline __attribute__((always_inline)) void tiles_correlate(const int m, const int n, const Rows *w,
                                                                        const uint16_t *a, const uint16_t *b,
                                                                        float *sums)
{
#define LOAD(tile, i, j) _tile_loadd(tile, sums + (i) * SIDE * w->width + (j) * SIDE, 4 * w->width)
    FOR_TILES(m, n, LOAD)
#undef LOAD
    for (int64_t y = 0; y < w->rows; y++, a += w->input_step, b += w->gradient_step)
        for (int64_t x = 0; x < w->pixels; x += DEPTH)
            MULTIPLY(m, n, a + x, SIDE * w->pitch, 2 * w->pitch, b + x * w->width, 2 * SIDE, 4 * w->width);
#define STORE(tile, i, j) _tile_stored(tile, sums + (i) * SIDE * w->width + (j) * SIDE, 4 * w->width)
    FOR_TILES(m, n, STORE)
#undef STORE
}

#define PREPARED (1 << 19) /* values of bf16, 1 MiB: half of the second-level cache of all processors with AMX */

/* The same of bf16 as `weight_gradient`. A tile's rows are 16 channels; fewer channels lie there with those of a
   kernel row's other columns. So `sums` is [kernel row][column][channel][output], channels and outputs each rounded up
   to 16, or [kernel row][column * channels][output]. */
TILED static int weight_gradient_tiles(const void *what, int64_t first, int64_t last, void *sums)
{
    const WeightGradient *g = what;
    int64_t c = g->channels, stride = g->stride_columns, pixels = UP(g->steps_width, DEPTH);
    int64_t taps = c < SIDE ? 1 : g->kernel_columns, values = c < SIDE ? g->kernel_columns * c : c;
    int64_t planes = taps < stride ? taps : stride, height = UP(values, SIDE), width = UP(g->outputs, SIDE);
    /* Input at every stride-th pixel, from each of the first ones on. */
    int64_t pitch = UP(pixels + (taps - 1) / stride, SIDE), input_row = planes * height * pitch;
    int64_t gradient_row = pixels * width;
    int64_t most = (PREPARED - g->kernel_rows * input_row) / (g->stride_rows * input_row + gradient_row);
    most = most < 1 ? 1 : most > last - first ? last - first : most;
    int64_t columns = (g->steps_width - 1) * stride + g->kernel_columns;
    int64_t line_size = UP((pitch * stride + planes) * c + values + 1, DEPTH);
    int64_t input_size = ((most - 1) * g->stride_rows + g->kernel_rows) * input_row;
    uint16_t *line = aligned_alloc(64, 2 * (line_size + input_size + UP(most * gradient_row, DEPTH)));
    if (!line)
        return -1;
    uint16_t *input = line + line_size, *gradient = input + input_size;
    memset(line, 0, 2 * (line_size + input_size + most * gradient_row));
    tiles_begin();
    for (int64_t y = first, next; y < last; y = next) {
        int64_t image = y / g->steps_height, top = y % g->steps_height, left_over = g->steps_height - top;
        int64_t rows = last - y < most ? last - y : most;
        rows = rows < left_over ? rows : left_over;
        next = y + rows;
        const uint16_t *source = (const uint16_t *)g->input + image * g->height * g->width * c;
        for (int64_t r = 0; r < (rows - 1) * g->stride_rows + g->kernel_rows; r++) {
            copy_row(source, g->width, c, g->row_of, g->column_of, top * g->stride_rows + r, columns, line);
            for (int64_t p = 0; p < planes; p++)
                transpose(line + p * c, stride * c, values, pitch, input + r * input_row + p * height * pitch, pitch);
        }
        for (int64_t r = 0; r < rows; r++)
            interleave((const uint16_t *)g->gradient + (y + r) * g->steps_width * g->outputs, g->outputs,
                       g->steps_width, gradient + r * gradient_row, width);
        Rows w = {rows, g->stride_rows * input_row, gradient_row, pixels, pitch, width};
        WRITTEN();
        float *out = sums;
        for (int64_t r = 0; r < g->kernel_rows; r++)
            for (int64_t t = 0; t < taps; t++, out += height * width)
                for (int64_t m = 0; m < height; m += 2 * SIDE)
                    for (int64_t n = 0; n < width; n += 2 * SIDE) {
                        const uint16_t *a = input + r * input_row + (t % stride * height + m) * pitch + t / stride;
                        const uint16_t *b = gradient + 2 * n;
                        float *to = out + m * width + n;
                        if (height - m > SIDE) {
                            if (width - n > SIDE)
                                tiles_correlate(2, 2, &w, a, b, to);
                            else
                                tiles_correlate(2, 1, &w, a, b, to);
                        } else if (width - n > SIDE)
                            tiles_correlate(1, 2, &w, a, b, to);
                        else
                            tiles_correlate(1, 1, &w, a, b, to);
                    }
    }
    _tile_release();
    free(line);
    return 0;
}

#undef SIDE
#undef DEPTH
#undef UP
