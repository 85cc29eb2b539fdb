/* Sizes that all instruction sets share. */

#ifndef ARTLIVES_SIZES_H
#define ARTLIVES_SIZES_H

#include <stdint.h>

/* Before a loop whose length the compiler knows: it is written out, so that what it sums up stays in registers. clang
   leaves most such loops as they are when it is given a number. */
#define PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define UNROLL(most) PRAGMA(clang loop unroll(full))
#else
#define UNROLL(most) PRAGMA(GCC unroll most)
#endif

/* Channels of a picture. */
enum { COLORS = 3 };
/* Kernel rows that are multiplied at a time, at most. */
enum { MOST_ROWS = 16 };

static inline int64_t gcd(int64_t a, int64_t b) { return b ? gcd(b, a % b) : a; }

/* `values` of 4 bytes, rounded up to whole cache lines of 64 bytes. */
static inline int64_t whole_lines(int64_t values) { return (values + 15) / 16 * 16; }

/* `n`, rounded up to whole units. */
static inline int64_t up_to(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

#endif
