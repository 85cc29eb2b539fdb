/* A row of a Unit's output as products of the input's rows and the weights. Part of set.h. */

/* Kernel rows that are multiplied at a time, at most. */
#define MOST_ROWS 16

/* Values of a phase's kernel row, as the weights have them: with zeros to a multiple of GROUP. */
static inline int64_t NAME(depth)(const Unit *u, const Phase *phase)
{
    return (phase->columns * u->channels + GROUP - 1) / GROUP * GROUP;
}

/* One row of a phase's output to w->output: `count` pixels of row y of sites, from the ring's rows. */
TARGET static void NAME(convolve)(const Unit *u, const Workspace *w, const Phase *phase, int64_t y, int64_t count)
{
    int64_t width = w->vectors * LANES, length = NAME(depth)(u, phase);
    int64_t pitch = u->stride_columns * u->channels;
    const element *weight = phase->weight;
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t first = w->vectors * b / w->blocks, vectors = w->vectors * (b + 1) / w->blocks - first;
        /* As many kernel rows are multiplied at a time as leave their weights in the first-level cache while all
           pixels meet them: they take 32 KiB, and that cache has 32 KiB or more. */
        int64_t most = (32 << 10) / (int64_t)sizeof(element) / (length * vectors * LANES);
        most = most < 1 ? 1 : most > MOST_ROWS ? MOST_ROWS : most;
        for (int64_t r = 0, some; r < phase->rows; r += some, weight += some * length * vectors * LANES) {
            some = phase->rows - r < most ? phase->rows - r : most;
            const element *rows[MOST_ROWS];
            for (int64_t i = 0; i < some; i++)
                rows[i] = w->input + (y * u->stride_rows + phase->row + r + i) % w->span_rows * w->input_row +
                          phase->column * u->channels;
            const float *bias = r ? NULL : u->bias + first * LANES;
            float *out = w->output + first * LANES;
            NAME(multiply)(vectors, count, rows, some, length, pitch, weight, bias, out, width);
        }
    }
}
