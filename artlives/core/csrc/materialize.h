/* A Unit without a convolution. Part of set.h. */

/* Rows `first` to `last` of the source, as `read` says, to the target in fp16 or fp32. */
TARGET static int NAME(materialize)(const void *unit, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Unit *u = unit;
    Workspace w = {0};
    int64_t values = u->source_width * u->channels;
    w.pattern = u->channels / gcd(u->channels, LANES) * LANES;
    w.scale = malloc((2 * w.pattern + values) * sizeof(float));
    if (!w.scale)
        return -1;
    w.shift = w.scale + w.pattern;
    NAME(repeat_scale)(u, &w);
    float *line = w.shift + w.pattern;
    for (int64_t y = first; y < last; y++) {
        if (u->source_type == FLOAT16)
            NAME(read)(u, &w, FLOAT16, y * values, values, line, 0);
        else
            NAME(read)(u, &w, FLOAT32, y * values, values, line, 0);
        if (u->target_type == FLOAT32) {
            memcpy((float *)u->target + y * values, line, values * sizeof(float));
            continue;
        }
        int64_t i = 0;
        for (; i + LANES <= values; i += LANES)
            NAME(store)(u->target, FLOAT16, y * values + i, *(const vec *)(line + i));
        for (; i < values; i++)
            ((uint16_t *)u->target)[y * values + i] = NAME(to_half)(line[i]);
    }
    free(w.scale);
    return 0;
}
