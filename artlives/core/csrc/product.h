/* Convolution as products of the input's rows and the weights, tile by tile in registers. Part of set.h. */

/* Pixels that are computed at a time with so many vectors of output channels. */
#define PIXELS(vectors) ((vectors) == 1 ? 2 * TILE : (vectors) == 2 ? TILE * 3 / 2 : TILE)

/* The products of `length` values of `row_count` rows, at each of `pixels` pixels, `pitch` values apart, and the
   weights, `vectors` vectors wide, plus the bias, or plus what `out` holds if `bias` is NULL. */
INLINE void NAME(product)(const int vectors, const int pixels, const element *const *rows, int64_t row_count,
                          int64_t length, int64_t pitch, const element *weight, const float *bias, float *out,
                          int64_t out_pitch)
{
    vec acc[2 * TILE][VECTORS];
UNROLL(16)
    for (int p = 0; p < pixels; p++)
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            acc[p][v] = *(const vec *)(bias ? bias + v * LANES : out + p * out_pitch + v * LANES);
    for (int64_t r = 0; r < row_count; r++) {
        const element *in = rows[r];
        for (int64_t t = 0; t < length; t += GROUP, weight += vectors * LANES * GROUP) {
            vec k[VECTORS];
UNROLL(8)
            for (int v = 0; v < vectors; v++)
                k[v] = *(const vec *)(weight + v * LANES * GROUP);
UNROLL(16)
            for (int p = 0; p < pixels; p++) {
                operand x = *(const operand *)(in + p * pitch + t);
UNROLL(8)
                for (int v = 0; v < vectors; v++)
                    acc[p][v] = ADD_PRODUCT(acc[p][v], x, k[v]);
            }
        }
    }
UNROLL(16)
    for (int p = 0; p < pixels; p++)
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            *(vec *)(out + p * out_pitch + v * LANES) = acc[p][v];
}

/* The same for `count` pixels. */
INLINE void NAME(products)(const int vectors, int64_t count, const element *const *rows, int64_t row_count,
                           int64_t length, int64_t pitch, const element *weight, const float *bias, float *out,
                           int64_t out_pitch)
{
    const element *in[MOST_ROWS];
    int64_t x = 0;
#define STRETCH(pixels)                                                                                                \
    for (; x + (pixels) <= count; x += (pixels)) {                                                                     \
        for (int64_t r = 0; r < row_count; r++)                                                                        \
            in[r] = rows[r] + x * pitch;                                                                               \
        NAME(product)(vectors, pixels, in, row_count, length, pitch, weight, bias, out + x * out_pitch, out_pitch);    \
    }
    STRETCH(PIXELS(vectors))
    STRETCH(PIXELS(vectors) / 2)
    STRETCH(1)
#undef STRETCH
}

/* The same with a number of vectors that the compiler does not know. */
TARGET static void NAME(multiply)(int64_t vectors, int64_t count, const element *const *rows, int64_t row_count,
                                  int64_t length, int64_t pitch, const element *weight, const float *bias, float *out,
                                  int64_t out_pitch)
{
    switch (vectors) {
    case 1: NAME(products)(1, count, rows, row_count, length, pitch, weight, bias, out, out_pitch); break;
    case 2: NAME(products)(2, count, rows, row_count, length, pitch, weight, bias, out, out_pitch); break;
    case 3: NAME(products)(3, count, rows, row_count, length, pitch, weight, bias, out, out_pitch); break;
#if VECTORS > 3
    case 4: NAME(products)(4, count, rows, row_count, length, pitch, weight, bias, out, out_pitch); break;
#endif
    }
}
