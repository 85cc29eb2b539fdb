/* How many products a set computes at most: those of a few pixels, of data that stays in the first-level cache. Part of
   set.h. */

/* Values of the one row of input. Its weights take 32 KiB at most. */
#define PEAK_LENGTH (8192 * 4 / (int64_t)sizeof(element) / (VECTORS * LANES) / 64 * 64)

/* Computes them `last` - `first` times. `totals`, a double, gets how many multiplications these are. */
TARGET static int NAME(peak)(const void *none, int64_t first, int64_t last, void *totals)
{
    (void)none;
    int64_t width = VECTORS * LANES, weights = whole_lines(PEAK_LENGTH * width * (int64_t)sizeof(element) / 4);
    int64_t size = weights + PEAK_LENGTH + (TILE + 1) * width;
    float *memory = aligned_alloc(64, 4 * whole_lines(size));
    if (!memory)
        return -1;
    memset(memory, 0, 4 * size);
    const element *row = (element *)(memory + weights);
    float *bias = memory + weights + PEAK_LENGTH;
    BEGIN();
    for (int64_t i = first; i < last; i++)
        /* All pixels read the same row. */
        NAME(multiply)(VECTORS, TILE, &row, 1, PEAK_LENGTH, 0, (element *)memory, bias, bias + width, width);
    END();
    *(double *)totals = (double)((last - first) * TILE * PEAK_LENGTH * width);
    free(memory);
    return 0;
}
