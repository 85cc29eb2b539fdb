/* The gradient of a convolution's weights in bf16 by AMX. It uses the tiles of amx.h. */

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
TILED static int weight_gradient_amx(const void *task, int64_t first, int64_t last, void *sums)
{
    const WeightGradient *g = task;
    int64_t c = g->channels, stride = g->stride_columns, pixels = up_to(g->site_columns, DEPTH);
    int64_t taps = c < SIDE ? 1 : g->kernel_columns, values = c < SIDE ? g->kernel_columns * c : c;
    int64_t planes = taps < stride ? taps : stride, height = up_to(values, SIDE), width = up_to(g->outputs, SIDE);
    /* Input at every stride-th pixel, from each of the first ones on. */
    int64_t pitch = up_to(pixels + (taps - 1) / stride, SIDE), input_row = planes * height * pitch;
    int64_t gradient_row = pixels * width;
    int64_t most = (PREPARED - g->kernel_rows * input_row) / (g->stride_rows * input_row + gradient_row);
    most = most < 1 ? 1 : most > last - first ? last - first : most;
    int64_t columns = (g->site_columns - 1) * stride + g->kernel_columns;
    int64_t line_size = up_to((pitch * stride + planes) * c + values + 1, DEPTH);
    int64_t input_size = ((most - 1) * g->stride_rows + g->kernel_rows) * input_row;
    uint16_t *line = aligned_alloc(64, 2 * (line_size + input_size + up_to(most * gradient_row, DEPTH)));
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
