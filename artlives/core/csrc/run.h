/* One piece of a Unit: rows of sites, in stretches of columns that fit the cache. Part of set.h. */

/* How the run divides the width, and the sizes of its memory. */
static void NAME(measure)(const Unit *u, Workspace *w)
{
    int64_t c = u->channels;
    w->row_sites = u->columns_as_channels ? u->output_width : (u->output_width + u->up_columns - 1) / u->up_columns;
    w->extra = u->columns_as_channels ? u->columns_as_channels - 1 : 0;
    w->vectors = (u->outputs + LANES - 1) / LANES;
    w->blocks = (w->vectors + VECTORS - 1) / VECTORS;
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        w->span_rows = p->row + p->rows > w->span_rows ? p->row + p->rows : w->span_rows;
        w->span_columns = p->column + p->columns > w->span_columns ? p->column + p->columns : w->span_columns;
    }
    /* As many sites as keep what is computed for them, and what follows of it, in the second-level cache: 131072 floats
       are 512 KiB, of the 512 KiB to 2 MiB that processors have. */
    int64_t a_site = w->vectors * LANES + w->span_rows * u->stride_columns * c;
    int64_t block = (w->vectors + w->blocks - 1) / w->blocks * LANES;
    if (u->winograd)
        a_site += (u->up_rows * u->up_columns - 1) * w->vectors * LANES + w->span_rows * w->span_rows * (c + block);
    int64_t pixels = PIXELS(block / LANES);
    w->stretch = 131072 / a_site < 4 * TILE ? 4 * TILE : 131072 / a_site / pixels * pixels;
    w->stretch = w->stretch < w->row_sites ? w->stretch : w->row_sites;
    w->pattern = c / gcd(c, LANES) * LANES;
    w->plain = !u->scale && !u->shift && !u->relu && !u->residual && !u->gate;
    /* Products of several pixels or of a whole group reach beyond the last pixel and beyond the kernel's row. */
    int64_t pixels_read = up_to(w->stretch + w->extra, LEAST_PIXELS), reach = w->span_columns * c;
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        int64_t end = p->column * c + NAME(depth)(u, p);
        reach = end > reach ? end : reach;
    }
    w->input_row = up_to((pixels_read - 1) * u->stride_columns * c + reach, 64 / sizeof(element));
    /* `write_picture` reads one value beyond the last pixel's. */
    w->output_row = whole_lines((u->winograd ? u->up_columns * w->stretch : pixels_read) * w->vectors * LANES + LANES);
    /* Planes that are a multiple of 4 KiB apart would share the same sets of the first-level cache and evict one
       another (4 KiB set aliasing). Another cache line, 16 floats, sets them apart. */
    w->transformed_plane = u->winograd ? whole_lines(w->stretch * c) + 16 : 0;
    w->product_plane = u->winograd ? whole_lines(w->stretch * block) + 16 : 0;
}

/* The memory that `measure` found to be needed, which begins at w->totals; NULL where there is none. */
static float *NAME(allocate)(const Unit *u, Workspace *w)
{
    /* Sums and sums of squares are fp64, two floats each. */
    int64_t totals = whole_lines(4 * w->vectors * LANES), pattern = whole_lines(w->pattern);
    int64_t ring = w->span_rows * w->input_row * (int64_t)sizeof(element) / 4;
    int64_t output = u->winograd ? u->up_rows * w->output_row : w->output_row;
    /* `write_picture` stores one value beyond the row's last. */
    int64_t line = u->columns_as_channels ? whole_lines(w->stretch * COLORS + LANES) : 0;
    int64_t planes = w->span_rows * w->span_rows;
    int64_t transformed = planes * w->transformed_plane, products = planes * w->product_plane;
    float *memory = aligned_alloc(64, 4 * (totals + 2 * pattern + ring + output + line + transformed + products));
    if (!memory)
        return NULL;
    w->totals = (double *)memory;
    w->scale = memory + totals;
    w->shift = w->scale + pattern;
    w->input = (element *)(w->shift + pattern);
    w->output = w->shift + pattern + ring;
    w->line = w->output + output;
    w->transformed = w->line + line;
    w->products = w->transformed + transformed;
    return memory;
}

/* Rows `first` to `last` of `sites` sites side by side, from column `left` of sites on. */
TARGET static void NAME(run_stretch)(const Unit *u, const Workspace *w, int64_t first, int64_t last, int64_t left,
                                     int64_t sites, const void *totals)
{
    int64_t in_left = left * u->stride_columns;
    int64_t in_right = in_left + (sites + w->extra - 1) * u->stride_columns + w->span_columns;
    int64_t end = (left + sites) * u->up_columns;
    end = end < u->output_width ? end : u->output_width;
    /* What is read at the output's own rows and columns is kept. */
    int64_t own_bottom = last * u->up_rows < u->output_rows ? last * u->up_rows : u->output_rows;
    int64_t own_left = left * u->up_columns + u->pad_left, own_right = end + u->pad_left;
    int64_t packed = first * u->stride_rows; /* rows before this one are in the ring or no longer needed */
    for (int64_t y = first; y < last; y++) {
        int64_t needed = y * u->stride_rows;
        packed = packed < needed ? needed : packed;
        for (; packed < needed + w->span_rows; packed++) {
            int64_t output_row = packed - u->pad_top;
            int own_row = output_row >= first * u->up_rows && output_row < own_bottom;
            NAME(pack)(u, w, packed, in_left, in_right, own_row, own_left, own_right,
                       w->input + packed % w->span_rows * w->input_row);
        }
#if GROUP == 1
        if (u->winograd) {
            NAME(convolve_winograd)(u, w, y, sites);
            int64_t up = u->up_rows, column = left * u->up_columns;
            for (int64_t row = y * up; row < (y + 1) * up && row < u->output_rows; row++)
                NAME(finish)(u, w, w->output + row % up * w->output_row, row, column, 1, end - column, totals);
            continue;
        }
#endif
        for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
            int64_t row = y * u->up_rows + p->top, column = left * u->up_columns + p->left;
            if (row >= u->output_rows || column >= end)
                continue;
            int64_t count = (end - column + u->up_columns - 1) / u->up_columns;
            NAME(convolve)(u, w, p, y, count + w->extra);
            NAME(finish)(u, w, w->output, row, column, u->up_columns, count, totals);
        }
    }
}

/* Rows of sites from `first` to `last`. `totals`, if not NULL, gets each output channel's sum and then each one's sum
   of squares, in fp64, both padded to whole vectors. Returns 0, or -1 where there is no memory. */
TARGET static int NAME(run)(const void *unit, int64_t first, int64_t last, void *totals)
{
    const Unit *u = unit;
    Workspace w = {0};
    NAME(measure)(u, &w);
    float *memory = NAME(allocate)(u, &w);
    if (!memory)
        return -1;
    NAME(repeat_scale)(u, &w);
    memset(w.totals, 0, 2 * w.vectors * LANES * sizeof(double));
    /* What lies beyond a row meets zeros of the weights, and must be finite for that. */
    if (GROUP > 1)
        memset(w.input, 0, w.span_rows * w.input_row * sizeof(element));
    BEGIN();
    for (int64_t left = 0; left < w.row_sites; left += w.stretch) {
        int64_t left_over = w.row_sites - left, sites = left_over < w.stretch ? left_over : w.stretch;
        NAME(run_stretch)(u, &w, first, last, left, sites, totals);
    }
    END();
    if (totals)
        memcpy(totals, w.totals, 2 * w.vectors * LANES * sizeof(double));
    free(memory);
    return 0;
}
