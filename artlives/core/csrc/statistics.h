/* What the next normalization needs to know of a Unit's output. Part of set.h. */

/* Adds the sums and the sums of squares of a row of `count` pixels of output to the run's totals, in fp64. */
TARGET static void NAME(add_totals)(const Workspace *w, const float *output, int64_t count)
{
    int64_t width = w->vectors * LANES;
    for (int64_t c = 0; c < width; c += LANES / 2) {
        const float *in = output + c;
        doubles *sum = (doubles *)(w->totals + c), *square = (doubles *)(w->totals + width + c);
        /* Two sums of every other pixel each, so that an addition need not wait for the one before. */
        doubles s = *sum, q = *square, s1 = {0}, q1 = {0};
        for (int64_t x = 0; x + 1 < count; x += 2, in += 2 * width) {
            doubles a = __builtin_convertvector(*(const half_vec *)in, doubles);
            doubles b = __builtin_convertvector(*(const half_vec *)(in + width), doubles);
            s += a, q += a * a, s1 += b, q1 += b * b;
        }
        if (count % 2) {
            doubles a = __builtin_convertvector(*(const half_vec *)in, doubles);
            s += a, q += a * a;
        }
        *sum = s + s1, *square = q + q1;
    }
}
