/* Convolutions, and transposed ones, by Winograd's algorithm F(m x m, 3 x 3), where m is WINOGRAD, 2 or 4. Part of
   set.h.

   Of each tile of n x n input pixels, n = m + 2, it makes n * n sums, multiplies them by as many sums of the weights,
   and adds the products up to the square of m x m output pixels in its middle. That takes 16 multiplications instead of
   36 with m = 2, and 36 instead of 144 with m = 4.
   Lavin and Gray 2016, "Fast algorithms for convolutional neural networks". */

/* Values of a row or column of a tile, at most. */
#define MOST_VALUES 6

/* B^T of equation 9 there: of n values of a row or column of the input, n sums. With n = 6 the points are 0, 1, -1, 1/2
   and -2, which round less than 0, +-1 and +-2 do: Barabasz et al. 2020, "Error analysis and improving the accuracy of
   Winograd convolution for deep neural networks", table 2. Where all values are equal, all sums but that of point 1 are
   exactly 0, and so all output pixels are equal: the normalization would enlarge their differences. */
INLINE void NAME(transform)(const int n, const vec *in, vec *to)
{
    if (n == 4) {
        to[0] = in[0] - in[2], to[1] = in[1] + in[2], to[2] = in[2] - in[1], to[3] = in[1] - in[3];
        return;
    }
    vec differences[4]; /* by x^2 - 1, of points 1 and -1 */
UNROLL(8)
    for (int i = 0; i < 4; i++)
        differences[i] = in[i + 2] - in[i];
    /* By x^2 + 3 / 2 x - 1, of points 1/2 and -2. */
    vec first = in[3] + 1.5f * in[2] - in[1], second = in[4] + 1.5f * in[3] - in[2];
    to[0] = differences[2] + 1.5f * differences[1] - differences[0];
    to[1] = second + first, to[2] = second - first;
    to[3] = differences[2] + 2 * differences[1];
    to[4] = differences[2] - 0.5f * differences[1];
    to[5] = differences[3] + 1.5f * differences[2] - differences[1];
}

/* A^T there: of n products, m values of a row or column of the output. */
INLINE void NAME(add_up)(const int n, const vec *in, vec *to)
{
    if (n == 4) {
        to[0] = in[0] + in[1] + in[2], to[1] = in[1] - in[2] - in[3];
        return;
    }
    vec sum = in[1] + in[2], difference = in[1] - in[2];
    to[0] = in[0] + sum + in[3] + in[4];
    to[1] = difference + 0.5f * in[3] - 2 * in[4];
    to[2] = sum + 0.25f * in[3] + 4 * in[4];
    to[3] = difference + 0.125f * in[3] - 8 * in[4] + in[5];
}

/* A column of a tile, `at` values into each of its rows, transformed. */
INLINE void NAME(transform_column)(const int n, const float *const *rows, int64_t at, vec *to)
{
    vec in[MOST_VALUES];
UNROLL(8)
    for (int i = 0; i < n; i++)
        in[i] = *(const vec *)(rows[i] + at);
    NAME(transform)(n, in, to);
}

/* The n * n sums of each of `count` tiles of row y to the planes of w->transformed. */
INLINE void NAME(transform_input)(const int n, const Unit *u, const Workspace *w, int64_t y, int64_t count)
{
    const int m = n - 2;
    int64_t c = u->channels;
    const float *rows[MOST_VALUES];
    for (int i = 0; i < n; i++)
        rows[i] = w->input + (m * y + i) % n * w->input_row;
    for (int64_t k = 0; k < c; k += LANES) {
        vec column[MOST_VALUES][MOST_VALUES]; /* of the tile, transformed */
UNROLL(8)
        for (int j = 0; j < 2; j++)
            NAME(transform_column)(n, rows, j * c + k, column[j]);
        for (int64_t x = 0; x < count; x++) {
UNROLL(8)
            for (int j = 2; j < n; j++)
                NAME(transform_column)(n, rows, (m * x + j) * c + k, column[j]);
            float *to = w->transformed + x * c + k;
UNROLL(8)
            for (int i = 0; i < n; i++) {
                vec in[MOST_VALUES], row[MOST_VALUES];
UNROLL(8)
                for (int j = 0; j < n; j++)
                    in[j] = column[j][i];
                NAME(transform)(n, in, row);
UNROLL(8)
                for (int j = 0; j < n; j++)
                    *(vec *)(to + (n * i + j) * w->transformed_plane) = row[j];
                /* The next tile begins with this one's last two columns. */
                column[0][i] = column[m][i], column[1][i] = column[m + 1][i];
            }
        }
    }
}

/* The m * m output pixels of a tile, one vector of output channels, of the planes' products `in`, to every `apart`-th
   pixel of every `apart`-th row of `out`. The products of other planes than `size` rows and columns of them, from `row`
   and `column` on, are 0. */
INLINE void NAME(add_products)(const int row, const int column, const int size, const int apart, const Workspace *w,
                               const float *in, vec bias, float *out)
{
    const int m = WINOGRAD, n = m + 2;
    int64_t width = w->vectors * LANES;
    vec columns[MOST_VALUES][MOST_VALUES] = {0};
UNROLL(8)
    for (int j = column; j < column + size; j++) {
        vec products[MOST_VALUES] = {0};
UNROLL(8)
        for (int i = row; i < row + size; i++)
            products[i] = *(const vec *)(in + (n * i + j) * w->product_plane);
        NAME(add_up)(n, products, columns[j]);
    }
UNROLL(8)
    for (int i = 0; i < m; i++) {
        vec sums[MOST_VALUES], pixels[MOST_VALUES];
UNROLL(8)
        for (int j = 0; j < n; j++)
            sums[j] = columns[j][i];
        NAME(add_up)(n, sums, pixels);
UNROLL(8)
        for (int j = 0; j < m; j++)
            *(vec *)(out + apart * (i * w->output_row + j * width)) = pixels[j] + bias;
    }
}

/* The same of `count` tiles and of vectors `first` to `first + vectors`, to a phase's pixels of w->output. */
TARGET static void NAME(add_tiles)(const Unit *u, const Workspace *w, const Phase *p, int64_t first, int64_t vectors,
                                   int64_t count)
{
    const int n = WINOGRAD + 2;
    int64_t width = w->vectors * LANES;
    for (int64_t x = 0; x < count; x++)
        for (int64_t v = 0; v < vectors; v++) {
            const float *in = w->products + (x * vectors + v) * LANES;
            vec bias = *(const vec *)(u->bias + (first + v) * LANES);
            float *pixel = w->output + p->top * w->output_row + (x * u->up_columns + p->left) * width;
            float *out = pixel + (first + v) * LANES;
            if (p->rows == n)
                NAME(add_products)(0, 0, n, 1, w, in, bias, out);
            else if (p->row)
                p->column ? NAME(add_products)(1, 1, n - 1, 2, w, in, bias, out)
                          : NAME(add_products)(1, 0, n - 1, 2, w, in, bias, out);
            else
                p->column ? NAME(add_products)(0, 1, n - 1, 2, w, in, bias, out)
                          : NAME(add_products)(0, 0, n - 1, 2, w, in, bias, out);
        }
}

/* All rows of output of `count` tiles of row y to w->output. */
TARGET static void NAME(convolve_winograd)(const Unit *u, const Workspace *w, int64_t y, int64_t count)
{
    const int n = WINOGRAD + 2;
    int64_t c = u->channels;
    NAME(transform_input)(n, u, w, y, count);
    static const float none[VECTORS * LANES];
    for (const Phase *p = u->phases; p < u->phases + u->phase_count; p++) {
        const float *weight = p->weight;
        for (int64_t b = 0; b < w->blocks; b++) {
            int64_t first = w->vectors * b / w->blocks, vectors = w->vectors * (b + 1) / w->blocks - first;
            for (int64_t i = p->row; i < p->row + p->rows; i++)
                for (int64_t j = p->column; j < p->column + p->columns; j++, weight += c * vectors * LANES) {
                    const float *in = w->transformed + (n * i + j) * w->transformed_plane;
                    float *out = w->products + (n * i + j) * w->product_plane;
                    NAME(multiply)(vectors, count, &in, 1, c, c, weight, none, out, vectors * LANES);
                }
            NAME(add_tiles)(u, w, p, first, vectors, count);
        }
    }
}
