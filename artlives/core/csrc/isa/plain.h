/* The work of a Unit for any processor: vectors of four floats become what the compiler makes of them, on x86 SSE2. */

#define INSTRUCTIONS plain
#define LABEL "plain"
#define TARGET
#define LANES 4
/* 4 * 2 of SSE2's 16 registers hold sums. */
#define VECTORS 4
#define TILE 2
#define WINOGRAD 4
#include "../set.h"
