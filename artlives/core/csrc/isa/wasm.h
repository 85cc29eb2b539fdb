/* The work of a Unit for WebAssembly with SIMD: vectors of 128 bits. */

#define INSTRUCTIONS wasm
#define LABEL "WebAssembly"
#define TARGET
#define LANES 4
/* 4 * 3 of the 16 registers that an x86 processor has for them hold sums. */
#define VECTORS 4
#define TILE 3
#define WINOGRAD 2
#include "../set.h"
