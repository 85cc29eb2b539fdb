/* The gradient of a convolution's weights. Part of set.h. */

/* Adds to `taps` rows of `sums`, `vectors` vectors wide, the products of each tap's input and the output's gradient at
   `count` pixels, whose inputs are `pitch` values apart. */
INLINE void NAME(correlate)(const int vectors, const int taps, const float *in, int64_t pitch, const float *gradient,
                            int64_t width, int64_t count, float *sums)
{
    vec acc[TILE][VECTORS];
UNROLL(8)
    for (int t = 0; t < taps; t++)
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            acc[t][v] = *(const vec *)(sums + t * width + v * LANES);
    for (int64_t x = 0; x < count; x++, in += pitch, gradient += width) {
        vec g[VECTORS];
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            g[v] = *(const vec *)(gradient + v * LANES);
UNROLL(8)
        for (int t = 0; t < taps; t++)
UNROLL(8)
            for (int v = 0; v < vectors; v++)
                acc[t][v] += in[t] * g[v];
    }
UNROLL(8)
    for (int t = 0; t < taps; t++)
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            *(vec *)(sums + t * width + v * LANES) = acc[t][v];
}

/* What one row of input and one row of the output's gradient, `width` values a pixel, add to a kernel row's `sums`. */
TARGET static void NAME(correlate_row)(const WeightGradient *g, const float *line, const float *gradient, int64_t width,
                                       float *sums)
{
    int64_t length = g->kernel_columns * g->channels, pitch = g->stride_columns * g->channels;
    int64_t vectors = width / LANES, count = g->site_columns, t;
    for (int64_t v = 0, some; v < vectors; v += some) {
        some = vectors - v < VECTORS ? vectors - v : VECTORS;
        const float *by = gradient + v * LANES;
        float *to = sums + v * LANES;
#define STRETCH(vectors, taps)                                                                                         \
    for (; t + (taps) <= length; t += (taps))                                                                          \
        NAME(correlate)(vectors, taps, line + t, pitch, by, width, count, to + t * width);
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

/* Rows of sites from `first` to `last`, added to `sums` (kernel_rows, kernel_columns * channels, outputs padded to
   whole vectors). */
TARGET static int NAME(weight_gradient)(const void *task, int64_t first, int64_t last, void *sums)
{
    const WeightGradient *g = task;
    int64_t c = g->channels, width = (g->outputs + LANES - 1) / LANES * LANES;
    int64_t columns = (g->site_columns - 1) * g->stride_columns + g->kernel_columns;
    float *memory = aligned_alloc(64, 4 * (whole_lines(columns * c) + whole_lines(g->site_columns * width)));
    if (!memory)
        return -1;
    float *gradient = memory, *line = memory + whole_lines(g->site_columns * width);
    memset(gradient, 0, 4 * g->site_columns * width);
    for (int64_t y = first; y < last; y++) {
        const float *from = (const float *)g->gradient + y * g->site_columns * g->outputs;
        int64_t image = y / g->site_rows, top = y % g->site_rows * g->stride_rows;
        const float *input = (const float *)g->input + image * g->height * g->width * c;
        for (int64_t x = 0; x < g->site_columns; x++)
            memcpy(gradient + x * width, from + x * g->outputs, 4 * g->outputs);
        for (int64_t r = 0; r < g->kernel_rows; r++) {
            int64_t row = g->row_table[top + r];
            if (row < 0)
                continue;
            for (int64_t x = 0; x < columns; x++) {
                int64_t column = g->column_table[x];
                if (column < 0)
                    memset(line + x * c, 0, 4 * c);
                else
                    memcpy(line + x * c, input + (row * g->width + column) * c, 4 * c);
            }
            NAME(correlate_row)(g, line, gradient, width, (float *)sums + r * g->kernel_columns * c * width);
        }
    }
    free(memory);
    return 0;
}
