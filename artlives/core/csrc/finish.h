/* What happens to a row of a Unit's output: its totals, and its way to the target. Part of set.h. */

#ifdef HALVES
/* Pixels whose sums are in fp32, where so few lose none of their digits that matter, before fp64 adds them up. */
#define SUMMED 32

/* A row of output to its places in a target of fp16, every `apart` pixels. The totals are those of the rounded values: of
   an even picture, they differ from their mean by rounding alone, which must not pass for a contrast to be enlarged. */
TARGET static __attribute__((noinline)) void NAME(finish_halves)(const Unit *u, const Workspace *w, const float *output,
                                                                 int64_t row, int64_t left, int64_t apart,
                                                                 int64_t count)
{
    int64_t c = u->outputs, width = w->vectors * LANES;
    uint16_t *target = u->target;
    if (target)
        target += ((row - u->target_top) * u->output_width + left) * c;
    for (int64_t k = 0; k < c; k += LANES) {
        int64_t some = c - k < LANES ? c - k : LANES;
        const float *in = output + k;
        uint16_t *to = target ? target + k : NULL;
        /* The first pixel's values are subtracted: where the mean is large, fp32 would lose the variance's digits. */
        vec centre = WIDENED(HALVES(*(const vec *)in));
        doubles sums[2] = {{0}, {0}}, squares[2] = {{0}, {0}};
        for (int64_t x = 0; x < count; x += SUMMED) {
            int64_t end = count - x < SUMMED ? count - x : SUMMED;
            vec sum = {0}, square = {0};
            for (int64_t i = 0; i < end; i++, in += width) {
                bits halves = (bits)HALVES(*(const vec *)in);
                if (to) {
                    PUT_HALVES(to, (__m256i)halves, some);
                    to += apart * c;
                }
                vec y = WIDENED((__m256i)halves) - centre;
                sum += y, square += y * y;
            }
            for (int half = 0; half < 2; half++) {
                sums[half] += __builtin_convertvector(((const half_vec *)&sum)[half], doubles);
                squares[half] += __builtin_convertvector(((const half_vec *)&square)[half], doubles);
            }
        }
        double pixels = (double)count;
        doubles *totals = (doubles *)(w->totals + k), *square_totals = (doubles *)(w->totals + width + k);
        for (int half = 0; half < 2; half++) {
            doubles of_centre = __builtin_convertvector(((const half_vec *)&centre)[half], doubles);
            totals[half] += sums[half] + pixels * of_centre;
            square_totals[half] += squares[half] + of_centre * (2 * sums[half] + pixels * of_centre);
        }
    }
}
#undef SUMMED
#endif

/* Rectifies a row of output, if it is to be, adds it to the totals, if there are any, and writes it to the target, if
   there is one. */
TARGET static void NAME(finish)(const Unit *u, const Workspace *w, float *output, int64_t row, int64_t left,
                                int64_t apart, int64_t count, const void *totals)
{
    if (u->rectified)
        for (vec *x = (vec *)output; x < (vec *)(output + count * w->vectors * LANES); x++)
            *x = NAME(gated)(*x, *x);
#ifdef HALVES
    if (u->target_type == FLOAT16) {
        NAME(finish_halves)(u, w, output, row, left, apart, count);
        return;
    }
#endif
    if (totals)
        NAME(add_totals)(w, output, count);
    if (u->columns_as_channels)
        NAME(write_picture)(u, w, row, left, count);
    else if (u->target)
        NAME(write)(u, w, output, row, left, apart, count);
}
