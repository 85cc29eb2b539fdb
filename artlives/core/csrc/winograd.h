/* Convolution by Winograd's algorithm F(2 x 2, 3 x 3). Part of set.h.

   Of each square of 4 x 4 input pixels it makes sixteen sums, multiplies them by sixteen sums of the weights, and adds
   the products up to the square of 2 x 2 output pixels in its middle. That takes 16 multiplications instead of 36.
   Lavin and Gray 2016, "Fast algorithms for convolutional neural networks". */

/* B^T of equation 9 there: of four values of a row or column of the input, four sums. */
INLINE void NAME(transform)(vec a, vec b, vec c, vec d, vec *to)
{
    to[0] = a - c, to[1] = b + c, to[2] = c - b, to[3] = b - d;
}

/* The sixteen sums of each of `count` squares of row y to the planes of w->transformed. */
TARGET static void NAME(transform_input)(const Unit *u, const Workspace *w, int64_t y, int64_t count)
{
    int64_t c = u->channels;
    const float *rows[4];
    for (int64_t i = 0; i < 4; i++)
        rows[i] = w->input + (2 * y + i) % 4 * w->input_row;
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
            float *to = w->transformed + x * c + k;
UNROLL(8)
            for (int i = 0; i < 4; i++) {
                vec row[4];
                NAME(transform)(column[0][i], column[1][i], column[2][i], column[3][i], row);
UNROLL(8)
                for (int j = 0; j < 4; j++)
                    *(vec *)(to + (4 * i + j) * w->transformed_plane) = row[j];
                /* The next square begins with this one's last two columns. */
                column[0][i] = column[2][i], column[1][i] = column[3][i];
            }
        }
#undef COLUMN
    }
}

/* Two rows of output, of `count` squares of row y, to w->output. */
TARGET static void NAME(convolve_winograd)(const Unit *u, const Workspace *w, int64_t y, int64_t count)
{
    int64_t c = u->channels, width = w->vectors * LANES;
    NAME(transform_input)(u, w, y, count);
    static const float none[VECTORS * LANES];
    const float *weight = u->phases->weight;
    for (int64_t b = 0; b < w->blocks; b++) {
        int64_t first = w->vectors * b / w->blocks, vectors = w->vectors * (b + 1) / w->blocks - first;
        for (int64_t i = 0; i < 16; i++, weight += c * vectors * LANES) {
            const float *in = w->transformed + i * w->transformed_plane;
            float *out = w->products + i * w->product_plane;
            NAME(multiply)(vectors, count, &in, 1, c, c, weight, none, out, vectors * LANES);
        }
        for (int64_t x = 0; x < count; x++)
            for (int64_t v = 0; v < vectors; v++) {
                const float *in = w->products + (x * vectors + v) * LANES;
                float *out = w->output + 2 * x * width + (first + v) * LANES;
                vec upper[4], lower[4], bias = *(const vec *)(u->bias + (first + v) * LANES);
UNROLL(8)
                for (int j = 0; j < 4; j++) {
                    vec m[4];
UNROLL(8)
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
