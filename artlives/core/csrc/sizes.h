/* Sizes that all instruction sets share. */

#ifndef ARTLIVES_SIZES_H
#define ARTLIVES_SIZES_H

#include <stdint.h>

/* Channels of a picture. */
enum { COLORS = 3 };

static inline int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

/* `values` of 4 bytes, rounded up to whole cache lines of 64 bytes. */
static inline int64_t whole_lines(int64_t values) { return (values + 15) / 16 * 16; }

#endif
