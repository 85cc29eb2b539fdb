/* What a pass of the network paints: a photo, mixed with the enlarged painting of the pass before it, and grain. In
   whole numbers alone, so that it is the same on every machine; `artlives.passes` says what it computes. */

#include "abi.h"
#include "sizes.h"
#include <stdlib.h>

/* Rows `first` to `last` of a Mix. Returns 0, or -1 where there is no memory. */
int artlives_mix(const void *task, int64_t first, int64_t last, void *none)
{
    (void)none;
    const Mix *m = task;
    int64_t length = m->painting_width * COLORS;
    int32_t *line = malloc((length + 1) * sizeof *line); /* a row of the painting between two of its rows, times 64 */
    if (!line)
        return -1;
    for (int64_t y = first; y < last; y++) {
        const uint8_t *photo = m->photo + y * m->width * COLORS;
        const int8_t *grain = m->grain + y % m->period * m->period;
        uint8_t *target = m->target + y * m->width * COLORS;
        if (m->painting) {
            const uint8_t *above = m->painting + m->row_table[y] * length;
            const uint8_t *below = above + (m->row_share[y] ? length : 0);
            int32_t part = (int32_t)m->row_share[y];
            for (int64_t i = 0; i < length; i++)
                line[i] = above[i] * (64 - part) + below[i] * part;
        }
        for (int64_t x = 0; x < m->width; x++) {
            int32_t speck = grain[x % m->period];
            const int32_t *left = line, *right = line;
            int32_t part = 0;
            if (m->painting) {
                part = (int32_t)m->column_share[x];
                left = line + m->column_table[x] * COLORS;
                right = left + (part ? COLORS : 0);
            }
            for (int64_t k = 0; k < COLORS; k++) {
                int32_t value = photo[x * COLORS + k];
                if (m->painting) {
                    int32_t painted = left[k] * (64 - part) + right[k] * part; /* times 4096 */
                    value = ((value << 12) * (64 - (int32_t)m->share) + painted * (int32_t)m->share + (1 << 17)) >> 18;
                }
                value += speck;
                target[x * COLORS + k] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    }
    free(line);
    return 0;
}
