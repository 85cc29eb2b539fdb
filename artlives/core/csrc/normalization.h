/* Instance normalization and its gradient, and the sums that both need. Part of set.h. */

/* What a Normalization has for each channel, repeated to whole vectors: `pattern` values of each. */
typedef struct {
    int64_t pattern;
    int64_t stretch; /* values that are read at a time */
    float *centre, *scale, *shift, *factor, *mask_scale, *mask_shift;
} Channels;

/* Fills `at`, of which `centre` is what to free. Returns 0, or -1 where there is no memory. */
static int NAME(repeat)(const Normalization *n, Channels *at)
{
    const float *from[] = {n->centre, n->scale, n->shift, n->factor, n->mask_scale, n->mask_shift};
    float **to[] = {&at->centre, &at->scale, &at->shift, &at->factor, &at->mask_scale, &at->mask_shift};
    at->pattern = n->channels / gcd(n->channels, LANES) * LANES;
    /* Sums of at most 4096 values are in fp32, where few of their bits are lost, before fp64 adds them up; and 4096
       values, 16 KiB, stay in the first-level cache for each vector of channels. */
    at->stretch = at->pattern > 4096 ? at->pattern : 4096 / at->pattern * at->pattern;
    float *memory = aligned_alloc(64, 4 * 6 * whole_lines(at->pattern));
    if (!memory)
        return -1;
    for (int a = 0; a < 6; a++, memory += whole_lines(at->pattern)) {
        *to[a] = memory;
        for (int64_t i = 0; i < at->pattern; i++)
            memory[i] = from[a] ? from[a][i % n->channels] : 0;
    }
    return 0;
}

/* The vector of `other` at value i, where x without its centre is `x`, of channels at k. What is no number stays so. */
INLINE vec NAME(other)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t k, vec x)
{
    vec y = NAME(load)(n->other, type, i);
    if (n->mask_scale)
        y = (vec)((mask)y & ~(mask)(x * *(vec *)(at->mask_scale + k) + *(vec *)(at->mask_shift + k) <= 0));
    return y;
}

INLINE float NAME(other_value)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t k, float x)
{
    return n->mask_scale && x * at->mask_scale[k] + at->mask_shift[k] <= 0 ? 0 : NAME(value)(n->other, type, i);
}

/* Adds to `sums` each channel's sum of `other` and that of its products with x - centre. Without `other`, x - centre
   takes its place. */
INLINE void NAME(add_moments)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t count,
                              double *sums)
{
    int64_t c = n->channels;
    for (int64_t k = 0; k < at->pattern; k += LANES) {
        vec sum = {0}, product = {0}, centre = *(vec *)(at->centre + k);
        for (int64_t j = k; j + LANES <= count; j += at->pattern) {
            vec x = NAME(load)(n->x, type, i + j) - centre;
            vec other = n->other ? NAME(other)(n, at, type, i + j, k, x) : x;
            sum += other, product += other * x;
        }
        for (int l = 0; l < LANES; l++)
            sums[(k + l) % c] += sum[l], sums[c + (k + l) % c] += product[l];
    }
    for (int64_t j = count / LANES * LANES; j < count; j++) {
        int64_t k = j % c;
        float x = NAME(value)(n->x, type, i + j) - at->centre[k];
        float other = n->other ? NAME(other_value)(n, at, type, i + j, k, x) : x;
        sums[k] += other, sums[c + k] += other * x;
    }
}

/* Adds to `sums` (2, channels), in double precision, what rows from `first` to `last` give. */
TARGET static int NAME(moments)(const void *task, int64_t first, int64_t last, void *sums)
{
    const Normalization *n = task;
    Channels at;
    if (NAME(repeat)(n, &at))
        return -1;
    int64_t end = last * n->width * n->channels;
    for (int64_t i = first * n->width * n->channels; i < end; i += at.stretch) {
        int64_t count = end - i < at.stretch ? end - i : at.stretch;
        if (n->type == BFLOAT16)
            NAME(add_moments)(n, &at, BFLOAT16, i, count, sums);
        else
            NAME(add_moments)(n, &at, FLOAT32, i, count, sums);
    }
    free(at.centre);
    return 0;
}

INLINE void NAME(normalize_values)(const Normalization *n, const Channels *at, const int type, int64_t i, int64_t count)
{
    for (int64_t k = 0; k < at->pattern; k += LANES) {
        vec scale = *(vec *)(at->scale + k), shift = *(vec *)(at->shift + k), factor = *(vec *)(at->factor + k);
        vec centre = *(vec *)(at->centre + k);
        for (int64_t j = k; j + LANES <= count; j += at->pattern) {
            vec x = NAME(load)(n->x, type, i + j) - centre, y = x * scale + shift;
            if (n->other)
                y += NAME(other)(n, at, type, i + j, k, x) * factor;
            NAME(store)(n->target, type, i + j, n->relu ? (vec)((mask)y & ~(mask)(y <= 0)) : y);
        }
    }
    for (int64_t j = count / LANES * LANES; j < count; j++) {
        int64_t k = j % n->channels;
        float x = NAME(value)(n->x, type, i + j) - at->centre[k], y = x * at->scale[k] + at->shift[k];
        if (n->other)
            y += NAME(other_value)(n, at, type, i + j, k, x) * at->factor[k];
        NAME(put)(n->target, type, i + j, n->relu && y <= 0 ? 0 : y);
    }
}

/* The target's rows from `first` to `last`. */
TARGET static int NAME(normalize)(const void *task, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Normalization *n = task;
    Channels at;
    if (NAME(repeat)(n, &at))
        return -1;
    int64_t end = last * n->width * n->channels;
    for (int64_t i = first * n->width * n->channels; i < end; i += at.stretch) {
        int64_t count = end - i < at.stretch ? end - i : at.stretch;
        if (n->type == BFLOAT16)
            NAME(normalize_values)(n, &at, BFLOAT16, i, count);
        else
            NAME(normalize_values)(n, &at, FLOAT32, i, count);
    }
    free(at.centre);
    return 0;
}
