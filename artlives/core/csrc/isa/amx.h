/* Convolution and its weights' gradient in bf16 by AMX, whose tile registers multiply matrices of 16 rows: for
   training, on processors that have it. Sums are in fp32, results are rounded to bf16 once.

   A tile register holds 16 rows of 64 bytes. One instruction adds to 16 x 16 sums in fp32 the product of 16 x 32
   values, row by row, and 32 x 16, which lie in pairs: [16 pairs of rows][16 columns][2]. Intel 2023, "Intel 64 and
   IA-32 architectures software developer's manual", volume 1, chapter 18. */

#include "../abi.h"
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILED __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16,amx-tile,amx-bf16")))
/* Rows of a tile, and values of fp32 in a row: 64 bytes. */
#define SIDE 16
/* Values of bf16 in a row of a tile. */
#define DEPTH 32
/* n, rounded up to whole units. */
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
TILED static void copy_row(const uint16_t *source, int64_t width, int64_t c, const int64_t *row_table,
                           const int64_t *column_table, int64_t row, int64_t columns, uint16_t *to)
{
    int64_t source_row = row_table[row];
    for (int64_t x = 0, next; x < columns; x = next) {
        int64_t column = column_table[x];
        next = x + 1;
        if (source_row < 0 || column < 0) {
            memset(to + x * c, 0, 2 * c);
            continue;
        }
        while (next < columns && column_table[next] == column + next - x)
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

/* The products of 16 * m pixels' input, `pitch` values apart, and n tiles of weights: 16 * n of a row's `width` sums. */
TILED static inline __attribute__((always_inline)) void tiles_product(
    const int m, const int n, const uint16_t *const *rows, int64_t row_count, int64_t depth, int64_t pitch,
    const uint16_t *weight, float *out, int64_t width)
{
    int64_t next_weight = row_count * depth * SIDE;
#define ZERO(tile, i, j) _tile_zero(tile)
    FOR_TILES(m, n, ZERO)
#undef ZERO
    for (int64_t r = 0; r < row_count; r++)
        for (int64_t k = 0; k < depth; k += DEPTH, weight += DEPTH * SIDE)
            MULTIPLY(m, n, rows[r] + k, SIDE * pitch, 2 * pitch, weight, next_weight, 64);
#define STORE(tile, i, j) _tile_stored(tile, out + (i) * SIDE * width + (j) * SIDE, 4 * width)
    FOR_TILES(m, n, STORE)
#undef STORE
}

/* Rows of a kernel, at most. */
#define MOST_KERNEL_ROWS 64

/* One row of a phase's output, in fp32 and without the bias: `count` pixels, rounded up to whole tiles. */
TILED static void convolve_tiles(const Phase *phase, const uint16_t *const *rows, int64_t channels, int64_t pitch,
                                 int64_t width, int64_t count, float *out)
{
    const uint16_t *in[MOST_KERNEL_ROWS], *weight = phase->weight;
    int64_t depth = UP(phase->columns * channels, DEPTH), tile = phase->rows * depth * SIDE;
    WRITTEN();
    for (int64_t o = 0; o < width; o += 2 * SIDE, weight += 2 * tile)
        for (int64_t x = 0; x < count; x += 2 * SIDE) {
            for (int64_t r = 0; r < phase->rows; r++)
                in[r] = rows[r] + x * pitch;
            float *to = out + x * width + o;
            int two = count - x > SIDE;
            if (width - o > SIDE) {
                if (two)
                    tiles_product(2, 2, in, phase->rows, depth, pitch, weight, to, width);
                else
                    tiles_product(1, 2, in, phase->rows, depth, pitch, weight, to, width);
            } else if (two)
                tiles_product(2, 1, in, phase->rows, depth, pitch, weight, to, width);
            else
                tiles_product(1, 1, in, phase->rows, depth, pitch, weight, to, width);
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
    int64_t c = u->channels, width = UP(u->outputs, SIDE), pitch = u->stride_columns * c;
    int64_t sites = (u->output_width + u->up_columns - 1) / u->up_columns;
    int64_t span_rows = 0, span_columns = 0, input_row = 0;
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        /* Tiles reach beyond the last pixel and beyond the kernel's row. What they find there is multiplied by zeros
           or left out. */
        int64_t end = (UP(sites, SIDE) - 1) * pitch + p->column * c + UP(p->columns * c, DEPTH);
        input_row = end > input_row ? end : input_row;
        span_rows = p->row + p->rows > span_rows ? p->row + p->rows : span_rows;
        span_columns = p->column + p->columns > span_columns ? p->column + p->columns : span_columns;
        if (p->rows > MOST_KERNEL_ROWS)
            return -1;
    }
    input_row = UP(input_row, DEPTH);
    int64_t columns = (sites - 1) * u->stride_columns + span_columns, out_size = UP(sites, SIDE) * width;
    float *out = aligned_alloc(64, 4 * out_size + 2 * span_rows * input_row);
    if (!out)
        return -1;
    uint16_t *ring = (uint16_t *)(out + out_size);
    memset(ring, 0, 2 * span_rows * input_row);
    tiles_begin();
    int64_t packed = first * u->stride_rows; /* rows before this one are in the ring or no longer needed */
    for (int64_t y = first; y < last; y++) {
        int64_t needed = y * u->stride_rows;
        packed = packed < needed ? needed : packed;
        for (; packed < needed + span_rows; packed++)
            copy_row(u->source, u->source_width, c, u->row_table, u->column_table, packed, columns,
                     ring + packed % span_rows * input_row);
        for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
            int64_t row = y * u->up_rows + p->top;
            if (row >= u->output_rows || p->left >= u->output_width)
                continue;
            const uint16_t *rows[MOST_KERNEL_ROWS];
            for (int64_t r = 0; r < p->rows; r++)
                rows[r] = ring + (needed + p->row + r) % span_rows * input_row + p->column * c;
            int64_t count = (u->output_width - p->left + u->up_columns - 1) / u->up_columns;
            convolve_tiles(p, rows, c, pitch, width, count, out);
            write_tiles(out, width, u->bias, u->outputs, u->up_columns, count,
                        (uint16_t *)u->target + (row * u->output_width + p->left) * u->outputs);
        }
    }
    _tile_release();
    free(out);
    return 0;
}

/* Value m of pixel x, in[x * in_pitch + m], to to[m * out_pitch + x], for `values` values, rounded up to pairs, and
   `pixels` pixels, a multiple of 16. */
TILED static void transpose(const uint16_t *in, int64_t in_pitch, int64_t values, int64_t pixels, uint16_t *to,
                            int64_t out_pitch)
{
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i apart = _mm512_mullo_epi32(lane, _mm512_set1_epi32((int)in_pitch));
    for (int64_t x = 0; x < pixels; x += SIDE)
        for (int64_t m = 0; m < values; m += 2) {
            __m512i pairs = _mm512_i32gather_epi32(apart, in + x * in_pitch + m, 2);
            uint16_t *first = to + m * out_pitch + x;
            _mm256_storeu_si256((__m256i *)first, _mm512_cvtepi32_epi16(pairs));
            _mm256_storeu_si256((__m256i *)(first + out_pitch), _mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16)));
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

/* Rows of sites of a piece that are prepared at a time. */
typedef struct {
    int64_t rows;
    int64_t input_pitch, gradient_pitch; /* values from one row of sites to the next */
    int64_t pixels, width;               /* of a row; values of one of the gradient's pixels */
    int64_t pitch;                       /* values from one of the input's channels to the next */
} Rows;

/* Adds to m x n tiles of `sums` the products of 16 * m of the input's values and 16 * n of the gradient's. */
TILED static inline __attribute__((always_inline)) void tiles_correlate(const int m, const int n, const Rows *w,
                                                                        const uint16_t *a, const uint16_t *b,
                                                                        float *sums)
{
#define LOAD(tile, i, j) _tile_loadd(tile, sums + (i) * SIDE * w->width + (j) * SIDE, 4 * w->width)
    FOR_TILES(m, n, LOAD)
#undef LOAD
    for (int64_t y = 0; y < w->rows; y++, a += w->input_pitch, b += w->gradient_pitch)
        for (int64_t x = 0; x < w->pixels; x += DEPTH)
            MULTIPLY(m, n, a + x, SIDE * w->pitch, 2 * w->pitch, b + x * w->width, 2 * SIDE, 4 * w->width);
#define STORE(tile, i, j) _tile_stored(tile, sums + (i) * SIDE * w->width + (j) * SIDE, 4 * w->width)
    FOR_TILES(m, n, STORE)
#undef STORE
}

/* The same for all of a tap's `height` x `width` sums. */
TILED static void tiles_correlate_tap(const Rows *w, int64_t height, const uint16_t *a, const uint16_t *b, float *sums)
{
    for (int64_t m = 0; m < height; m += 2 * SIDE)
        for (int64_t n = 0; n < w->width; n += 2 * SIDE) {
            const uint16_t *in = a + m * w->pitch, *gradient = b + 2 * n;
            float *to = sums + m * w->width + n;
            if (height - m > SIDE) {
                if (w->width - n > SIDE)
                    tiles_correlate(2, 2, w, in, gradient, to);
                else
                    tiles_correlate(2, 1, w, in, gradient, to);
            } else if (w->width - n > SIDE)
                tiles_correlate(1, 2, w, in, gradient, to);
            else
                tiles_correlate(1, 1, w, in, gradient, to);
        }
}

/* Values of bf16 that are prepared at a time: 1 MiB, half of the second-level cache of all processors with AMX. */
#define PREPARED (1 << 19)

/* The same of bf16 as `weight_gradient`. A tile's rows are 16 channels; fewer channels lie there with those of a
   kernel row's other columns. So `sums` is [kernel row][column][channel][output], channels and outputs each rounded up
   to 16, or [kernel row][column * channels][output]. */
TILED static int weight_gradient_tiles(const void *task, int64_t first, int64_t last, void *sums)
{
    const WeightGradient *g = task;
    int64_t c = g->channels, stride = g->stride_columns, pixels = UP(g->site_columns, DEPTH);
    int64_t taps = c < SIDE ? 1 : g->kernel_columns, values = c < SIDE ? g->kernel_columns * c : c;
    int64_t planes = taps < stride ? taps : stride, height = UP(values, SIDE), width = UP(g->outputs, SIDE);
    /* Input at every stride-th pixel, from each of the first ones on. */
    int64_t pitch = UP(pixels + (taps - 1) / stride, SIDE), input_row = planes * height * pitch;
    int64_t gradient_row = pixels * width;
    int64_t most = (PREPARED - g->kernel_rows * input_row) / (g->stride_rows * input_row + gradient_row);
    most = most < 1 ? 1 : most > last - first ? last - first : most;
    int64_t columns = (g->site_columns - 1) * stride + g->kernel_columns;
    int64_t line_size = UP((pitch * stride + planes) * c + values + 1, DEPTH);
    int64_t input_size = ((most - 1) * g->stride_rows + g->kernel_rows) * input_row;
    uint16_t *line = aligned_alloc(64, 2 * (line_size + input_size + UP(most * gradient_row, DEPTH)));
    if (!line)
        return -1;
    uint16_t *input = line + line_size, *gradient = input + input_size;
    memset(line, 0, 2 * (line_size + input_size + most * gradient_row));
    tiles_begin();
    for (int64_t y = first, next; y < last; y = next) {
        int64_t image = y / g->site_rows, top = y % g->site_rows, left_over = g->site_rows - top;
        int64_t rows = last - y < most ? last - y : most;
        rows = rows < left_over ? rows : left_over;
        next = y + rows;
        const uint16_t *source = (const uint16_t *)g->input + image * g->height * g->width * c;
        for (int64_t r = 0; r < (rows - 1) * g->stride_rows + g->kernel_rows; r++) {
            copy_row(source, g->width, c, g->row_table, g->column_table, top * g->stride_rows + r, columns, line);
            for (int64_t p = 0; p < planes; p++)
                transpose(line + p * c, stride * c, values, pitch, input + r * input_row + p * height * pitch, pitch);
        }
        for (int64_t r = 0; r < rows; r++)
            interleave((const uint16_t *)g->gradient + (y + r) * g->site_columns * g->outputs, g->outputs,
                       g->site_columns, gradient + r * gradient_row, width);
        Rows w = {rows, g->stride_rows * input_row, gradient_row, pixels, width, pitch};
        WRITTEN();
        float *out = sums;
        for (int64_t r = 0; r < g->kernel_rows; r++)
            for (int64_t t = 0; t < taps; t++, out += height * width)
                tiles_correlate_tap(&w, height, input + r * input_row + t % stride * height * pitch + t / stride,
                                    gradient, out);
    }
    _tile_release();
    free(line);
    return 0;
}

static const Instructions set_tiles = {"AMX", SIDE, 1, run_tiles, NULL, weight_gradient_tiles, NULL, NULL};

#undef SIDE
#undef DEPTH
#undef UP
