/* Reading the source of a Unit: normalization, ReLU, residual addition and padding. Part of set.h. */

/* The memory that one call of `run` needs, and how it divides the output's width. */
typedef struct {
    int64_t vectors, blocks;         /* of all output channels */
    int64_t span_rows, span_columns; /* of the padded input that one site meets */
    int64_t extra;                   /* pixels beyond a row's last that columns_as_channels needs; else 0 */
    int64_t row_sites, stretch;      /* sites side by side: in a whole row, and computed at a time */
    int64_t pattern;                 /* values after which scale and shift repeat in whole vectors */
    int plain;                       /* whether the source is read as it is */
    int64_t input_row;               /* values of one row of `input` */
    float *scale, *shift;            /* `pattern` values each */
    element *input;                  /* ring of span_rows rows of the padded input, normalized */
    float *output;       /* rows of a phase's output, one (by Winograd a tile's), all channels in whole vectors */
    int64_t output_row;  /* values of a row */
    float *transformed;  /* by Winograd: planes of transformed input */
    float *products;     /* by Winograd: planes of a block's products */
    int64_t transformed_plane, product_plane; /* values of a plane */
    float *line;                              /* with columns_as_channels: one row of the picture */
    double *totals;
} Workspace;

INLINE vec NAME(rectified)(vec x, int64_t relu)
{
    return relu ? (vec)((mask)x & (mask)(x > 0)) : x;
}

/* x where y is above 0, and elsewhere 0; x too where y is no number, or an error would disappear. */
INLINE vec NAME(gated)(vec x, vec y)
{
    return (vec)((mask)x & ~(mask)(y <= 0));
}

/* Scale and shift, repeated to whole vectors. */
static void NAME(repeat_scale)(const Unit *u, Workspace *w)
{
    for (int64_t i = 0; i < w->pattern; i++) {
        w->scale[i] = u->scale ? u->scale[i % u->channels] : 1;
        w->shift[i] = u->shift ? u->shift[i % u->channels] : 0;
    }
}

/* `count` values of the source from value i on, normalized, with ReLU and the residual, to `to` and, if it is asked
   to, to u->kept. */
INLINE void NAME(read)(const Unit *u, const Workspace *w, const int type, int64_t i, int64_t count, element *to,
                       int keeps)
{
    int64_t done = 0;
    if (type == ELEMENT && w->plain && !keeps) {
        memcpy(to, (const element *)u->source + i, count * sizeof *to);
        done = count;
    }
    for (; done + w->pattern <= count; done += w->pattern)
        for (int64_t j = 0; j < w->pattern; j += LANES) {
            int64_t k = done + j;
            vec x = NAME(load)(u->source, type, i + k);
            if (u->gate)
                x = NAME(gated)(x, NAME(load)(u->gate, type, i + k));
            x = NAME(rectified)(x * *(const vec *)(w->scale + j) + *(const vec *)(w->shift + j), u->relu);
            if (u->residual)
                x += NAME(load)(u->residual, type, i + k);
            NAME(store)(to, ELEMENT, k, x);
            if (keeps)
                NAME(store)(u->kept, type, i + k, x);
        }
    for (; done < count; done++) {
        int64_t j = done % w->pattern;
        int gated = u->gate && NAME(value)(u->gate, type, i + done) <= 0;
        float x = (gated ? 0 : NAME(value)(u->source, type, i + done)) * w->scale[j] + w->shift[j];
        x = u->relu && !(x > 0) ? 0 : x;
        if (u->residual)
            x += NAME(value)(u->residual, type, i + done);
        NAME(put)(to, ELEMENT, done, x);
        if (keeps)
            NAME(put)(u->kept, type, i + done, x);
    }
}

/* Row `row` of the padded input, its columns from `left` to `right`, to `to`. Where the run owns the row, it also
   writes the columns that it owns to u->kept: each value is written by one piece alone. */
TARGET static void NAME(pack)(const Unit *u, const Workspace *w, int64_t row, int64_t left, int64_t right, int own_row,
                              int64_t own_left, int64_t own_right, element *to)
{
    int64_t c = u->channels, source_row = u->row_table[row];
    for (int64_t x = left, next; x < right; x = next) {
        int64_t column = u->column_table[x];
        next = x + 1;
        element *here = to + (x - left) * c;
        if (source_row < 0 || column < 0) {
            memset(here, 0, c * sizeof *here);
            continue;
        }
        /* Columns that follow one another in the source are read together. */
        int owned = u->kept && own_row && x >= own_left && x < own_right;
        int64_t end = owned ? own_right : x < own_left && own_left < right ? own_left : right;
        while (next < end && u->column_table[next] == column + next - x)
            next++;
        int64_t i = (source_row * u->source_width + column) * c, count = (next - x) * c;
        if (u->source_type == FLOAT32)
            NAME(read)(u, w, FLOAT32, i, count, here, owned);
        else if (u->source_type == UINT8)
            NAME(read)(u, w, UINT8, i, count, here, 0);
        else if (u->source_type == BFLOAT16)
            NAME(read)(u, w, BFLOAT16, i, count, here, owned);
        else
            NAME(read)(u, w, FLOAT16, i, count, here, owned);
    }
}
