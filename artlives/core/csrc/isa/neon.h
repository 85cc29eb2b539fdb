/* The work of a Unit for ARM's NEON, which every 64-bit ARM processor has. */

#define INSTRUCTIONS neon
#define LABEL "NEON"
#define TARGET
#define LANES 4
/* 4 * 6 of the 32 registers hold sums. */
#define VECTORS 4
#define TILE 6
#define WINOGRAD 4
#include "../set.h"
